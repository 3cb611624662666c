/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay. Its watches are one-shot: epoll reports a hang-up for as long as a descriptor is
 * watched for anything, which would spin while the other side is slow.
 */
#include "cli/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define RELAY_BUFFER 65536

/* What a pipe or a terminal that polls as writable takes without blocking. */
#define SINK_SAFE_BYTES 4096

struct side {
	int fd;
	struct loop_source *source; /* NULL for what epoll refuses: files, always ready */
};

struct relay {
	struct loop *loop;
	struct side in, out;
	struct loop_source *deferred; /* a turn that comes without an event */
	relay_done_fn *done;
	void *ctx;
	int own_out_fd; /* the sink opened anew, or -1 */
	size_t write_max;
	size_t start, len;
	uint64_t written;
	bool ended; /* the source has */
	uint8_t buffer[RELAY_BUFFER];
};

static void relay_turn(void *ctx);

static void relay_finish(struct relay *relay, int result)
{
	loop_source_free(relay->in.source);
	loop_source_free(relay->out.source);
	loop_source_free(relay->deferred);
	relay->in.source = NULL;
	relay->out.source = NULL;
	relay->deferred = NULL;
	relay->done(relay->ctx, result);
}

/* Asks for a turn when side is ready. */
static void want(struct relay *relay, struct side *side, uint32_t events)
{
	int r;

	if (side->source)
		r = loop_source_set_events(side->source, events | EPOLLONESHOT);
	else
		r = loop_add_deferred(relay->loop, relay_turn, relay, &relay->deferred);
	if (r < 0)
		relay_finish(relay, r);
}

/* 1 when something was read or the end was seen, 0 for later, negative for failure. */
static int relay_read(struct relay *relay)
{
	ssize_t n = read(relay->in.fd, relay->buffer, sizeof(relay->buffer));

	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		/* A terminal whose other end has gone reads as EIO: that is its end of file. */
		if (errno != EIO)
			return -errno;
		n = 0;
	}
	relay->ended = n == 0;
	relay->start = 0;
	relay->len = (size_t)n;
	return 1;
}

/* 1 when the buffer is empty, 0 when the rest has to wait, negative for failure. */
static int relay_write(struct relay *relay)
{
	while (relay->len) {
		ssize_t n = write(relay->out.fd, relay->buffer + relay->start,
				  MIN(relay->len, relay->write_max));

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? 0 : -errno;
		}
		relay->start += (size_t)n;
		relay->len -= (size_t)n;
		relay->written += (uint64_t)n;
		if (relay->len && relay->write_max == SINK_SAFE_BYTES)
			return 0;
	}
	return 1;
}

/* One turn: something may be ready. readable: the source polled so. */
static void relay_advance(struct relay *relay, bool readable)
{
	int r = 1;

	if (!relay->len && readable)
		r = relay_read(relay);
	if (r > 0)
		r = relay_write(relay);
	if (r < 0)
		relay_finish(relay, r);
	else if (relay->len)
		want(relay, &relay->out, EPOLLOUT);
	else if (relay->ended)
		relay_finish(relay, 0);
	else
		want(relay, &relay->in, EPOLLIN);
}

static void relay_turn(void *ctx)
{
	struct relay *relay = ctx;

	relay->deferred = NULL;
	relay_advance(relay, !relay->in.source);
}

static void on_in(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	relay_advance(ctx, true);
}

static void on_out(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	relay_advance(ctx, false);
}

static int add_side(struct relay *relay, struct side *side, int fd, loop_fd_fn *fn)
{
	int r;

	side->fd = fd;
	r = loop_add_fd(relay->loop, fd, EPOLLONESHOT, fn, relay, &side->source);
	if (r == -EPERM) {
		side->source = NULL;
		return 0;
	}
	return r;
}

/*
 * Opens a pipe or terminal anew, since O_NONBLOCK belongs to the open file that we share with
 * others. Sockets cannot be opened so, and a terminal of another user may not be: they get small
 * writes.
 */
static int open_sink(struct relay *relay, int fd)
{
	char path[64];
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &st) < 0 || flags < 0)
		return -errno;
	relay->write_max = RELAY_BUFFER;
	if (S_ISREG(st.st_mode) || (flags & O_NONBLOCK))
		return fd;
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		relay->own_out_fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	if (relay->own_out_fd >= 0)
		return relay->own_out_fd;
	relay->write_max = SINK_SAFE_BYTES;
	return fd;
}

int relay_new(struct loop *loop, int source_fd, int sink_fd, relay_done_fn *done, void *ctx,
	      struct relay **ret_relay, struct err *err)
{
	struct relay *relay = malloc(sizeof(*relay));
	int r;

	if (!relay)
		return err_set(err, ENOMEM, "cannot relay streams");
	memset(relay, 0, offsetof(struct relay, buffer));
	relay->loop = loop;
	relay->done = done;
	relay->ctx = ctx;
	relay->own_out_fd = -1;
	r = open_sink(relay, sink_fd);
	if (r >= 0)
		r = add_side(relay, &relay->out, r, on_out);
	if (r >= 0)
		r = add_side(relay, &relay->in, source_fd, on_in);
	if (r >= 0 && relay->in.source)
		r = loop_source_set_events(relay->in.source, EPOLLIN | EPOLLONESHOT);
	else if (r >= 0)
		r = loop_add_deferred(loop, relay_turn, relay, &relay->deferred);
	if (r < 0) {
		relay_free(relay);
		return err_set(err, -r, "cannot relay descriptor %d to %d", source_fd, sink_fd);
	}
	*ret_relay = relay;
	return 0;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	loop_source_free(relay->in.source);
	loop_source_free(relay->out.source);
	loop_source_free(relay->deferred);
	if (relay->own_out_fd >= 0)
		close(relay->own_out_fd);
	free(relay);
}

bool relay_is_blocked(const struct relay *relay)
{
	return relay->len > 0;
}

uint64_t relay_written(const struct relay *relay)
{
	return relay->written;
}
