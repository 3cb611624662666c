/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of bytes between two descriptors. Both are armed with EPOLLONESHOT: a hang-up is
 * level triggered and would otherwise spin while the relay waits for the other side.
 */
#include "agent/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "lib/fd.h"

#define RELAY_CHUNK_BYTES 32768u
/* A relay that could go on for ever lets the others have a turn after so many chunks. */
#define RELAY_CHUNKS_MAX 16

struct relay {
	int from, to; /* -1 once it has ended */
	struct loop_source *from_source, *to_source;
	enum relay_end end;
	char *pending; /* read, not yet written */
	size_t pending_len, pending_done;
	bool last_was_newline; /* what a terminal has been given ends in one */
	bool input_ended;      /* only the pending bytes are left */
	loop_fn *drained;
	void *drained_ctx;
	size_t drain_left;	/* bytes until drained */
	bool drain_is_terminal; /* drained when there is nothing to read */
};

static void relay_report_drained(struct relay *relay)
{
	loop_fn *fn = relay->drained;

	relay->drained = NULL;
	if (fn)
		fn(relay->drained_ctx);
}

static void relay_stop(struct relay *relay)
{
	loop_source_free(relay->from_source);
	loop_source_free(relay->to_source);
	relay->from_source = relay->to_source = NULL;
	if (relay->from >= 0)
		close(relay->from);
	if (relay->to >= 0)
		close(relay->to);
	relay->from = relay->to = -1;
	free(TAKE_PTR(relay->pending));
	relay_report_drained(relay);
}

/* Lets the receiver see the end of the input. */
static void relay_pass_end(struct relay *relay)
{
	struct termios settings;

	switch (relay->end) {
	case RELAY_END_CLOSE:
		break;
	case RELAY_END_SHUTDOWN:
		(void)shutdown(relay->to, SHUT_WR);
		break;
	case RELAY_END_EOF_CHAR:
		if (tcgetattr(relay->to, &settings) == 0 && settings.c_lflag & ICANON) {
			const char eof[2] = { (char)settings.c_cc[VEOF],
					      (char)settings.c_cc[VEOF] };

			/* Behind an unfinished line the first one only hands over the line. */
			if (write(relay->to, eof, relay->last_was_newline ? 1 : 2) < 0)
				break;
		}
		break;
	}
	relay_stop(relay);
}

static int relay_arm(struct loop_source *source, uint32_t events)
{
	return loop_source_set_events(source, events | EPOLLONESHOT);
}

static void relay_count_written(struct relay *relay, const char *bytes, size_t n)
{
	relay->last_was_newline = bytes[n - 1] == '\n';
	if (!relay->drained || relay->drain_is_terminal)
		return;
	relay->drain_left -= MIN(relay->drain_left, n);
	if (relay->drain_left == 0)
		relay_report_drained(relay);
}

/* Writes as much as goes. Bytes written, or -errno (-EAGAIN: none of them). */
static ssize_t relay_write(struct relay *relay, const char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(relay->to, bytes + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		relay_count_written(relay, bytes + done, (size_t)n);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* 1: nothing pending any more, 0: the receiver must be waited for, negative: it is gone. */
static int relay_flush(struct relay *relay)
{
	ssize_t n;

	if (!relay->pending)
		return 1;
	n = relay_write(relay, relay->pending + relay->pending_done,
			relay->pending_len - relay->pending_done);
	if (n < 0)
		return (int)n;
	relay->pending_done += (size_t)n;
	if (relay->pending_done < relay->pending_len)
		return 0;
	free(TAKE_PTR(relay->pending));
	return 1;
}

/* 1: go on, 0: the receiver must be waited for, negative: it is gone. */
static int relay_pass_on(struct relay *relay, const char *bytes, size_t len)
{
	ssize_t n = relay_write(relay, bytes, len);

	if (n < 0)
		return (int)n;
	if ((size_t)n == len)
		return 1;
	relay->pending_len = len - (size_t)n;
	relay->pending_done = 0;
	relay->pending = malloc(relay->pending_len);
	if (!relay->pending)
		return -ENOMEM;
	memcpy(relay->pending, bytes + n, relay->pending_len);
	return 0;
}

static void relay_wait_for_input(struct relay *relay)
{
	if (relay->drained && relay->drain_is_terminal)
		relay_report_drained(relay);
	if (relay_arm(relay->from_source, EPOLLIN) < 0 || relay_arm(relay->to_source, 0) < 0)
		relay_stop(relay);
}

static void relay_wait_for_receiver(struct relay *relay)
{
	if (relay_arm(relay->to_source, EPOLLOUT) < 0)
		relay_stop(relay);
}

static void relay_pump(struct relay *relay)
{
	char chunk[RELAY_CHUNK_BYTES];
	int r = relay_flush(relay);

	for (int i = 0; r > 0 && i < RELAY_CHUNKS_MAX && !relay->input_ended; i++) {
		ssize_t n = read(relay->from, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		/* A pty master says EIO where the last slave is closed: that is its end. */
		if (n <= 0) {
			relay->input_ended = true;
			break;
		}
		r = relay_pass_on(relay, chunk, (size_t)n);
	}
	if (r < 0)
		relay_stop(relay);
	else if (r == 0)
		relay_wait_for_receiver(relay);
	else if (relay->input_ended)
		relay_pass_end(relay);
	else
		relay_wait_for_input(relay);
}

static void on_input(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	relay_pump(ctx);
}

static void on_receiver(void *ctx, int fd, uint32_t events)
{
	struct relay *relay = ctx;

	(void)fd;
	if (events & (EPOLLERR | EPOLLHUP))
		relay_stop(relay);
	else
		relay_pump(relay);
}

static int relay_watch(struct relay *relay, struct loop *loop)
{
	int r = fd_set_nonblock(relay->from, 1);

	if (r == 0)
		r = fd_set_nonblock(relay->to, 1);
	if (r == 0)
		r = loop_add_fd(loop, relay->from, EPOLLIN | EPOLLONESHOT, on_input, relay,
				&relay->from_source);
	if (r == 0)
		r = loop_add_fd(loop, relay->to, EPOLLONESHOT, on_receiver, relay,
				&relay->to_source);
	return r;
}

int relay_new(struct loop *loop, int from_fd, int to_fd, enum relay_end end,
	      struct relay **ret_relay)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	int r;

	if (!relay) {
		close(from_fd);
		close(to_fd);
		return -ENOMEM;
	}
	relay->from = from_fd;
	relay->to = to_fd;
	relay->end = end;
	relay->last_was_newline = true;
	r = relay_watch(relay, loop);
	if (r < 0) {
		relay_free(relay);
		return r;
	}
	*ret_relay = relay;
	return 0;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	relay->drained = NULL;
	relay_stop(relay);
	free(relay);
}

bool relay_ended(const struct relay *relay)
{
	return relay->from < 0;
}

void relay_drain(struct relay *relay, loop_fn *fn, void *ctx)
{
	int readable = 0;

	relay->drained = fn;
	relay->drained_ctx = ctx;
	if (relay->from < 0) {
		relay_report_drained(relay);
		return;
	}
	relay->drain_is_terminal = isatty(relay->from);
	if (relay->drain_is_terminal) {
		if (!relay->pending)
			relay_pump(relay);
		return;
	}
	if (ioctl(relay->from, FIONREAD, &readable) < 0)
		readable = 0;
	relay->drain_left = (size_t)readable;
	if (relay->pending)
		relay->drain_left += relay->pending_len - relay->pending_done;
	if (relay->drain_left == 0)
		relay_report_drained(relay);
}
