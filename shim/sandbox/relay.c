/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves bytes one way. Each side has an epoll source that is armed for one shot, and only one of
 * them at a time: the input's while there is nothing to move, the output's while it is full. So
 * neither a full FIFO nor a hung-up socket can make the loop spin.
 */
#include "shim/sandbox/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/fd.h"

#define RELAY_CHUNK_BYTES (1u << 20)
#define RELAY_COPY_BYTES  16384u
/* How often one wake-up may go round before other sources get their turn. */
#define RELAY_ROUNDS 16

struct relay {
	struct loop *loop;
	int in_fd, out_fd;
	bool copies; /* splice cannot serve this pair */
	bool held_up;
	struct loop_source *in, *out;
	uint64_t bytes;
	relay_done_fn *done;
	void *ctx;
};

/* Moves what can be moved now. Bytes, 0 at the end, -EAGAIN, or what went wrong. */
static ssize_t move_once(struct relay *relay)
{
	char buffer[RELAY_COPY_BYTES];
	ssize_t n;
	int r;

	if (!relay->copies) {
		n = splice(relay->in_fd, NULL, relay->out_fd, NULL, RELAY_CHUNK_BYTES,
			   SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		return n < 0 ? -errno : n;
	}
	n = read(relay->in_fd, buffer, sizeof(buffer));
	if (n <= 0)
		return n < 0 ? -errno : 0;
	r = fd_write_full(relay->out_fd, buffer, (size_t)n);
	return r < 0 ? r : n;
}

static void side_ready(void *ctx, int fd, uint32_t events);

static int arm(struct relay *relay, bool output)
{
	struct loop_source **source = output ? &relay->out : &relay->in;
	uint32_t events = (output ? EPOLLOUT : EPOLLIN) | EPOLLONESHOT;

	relay->held_up = output;
	if (*source)
		return loop_source_set_events(*source, events);
	return loop_add_fd(relay->loop, output ? relay->out_fd : relay->in_fd, events, side_ready,
			   relay, source);
}

static bool is_peers_end(int result)
{
	return result == -EPIPE || result == -ECONNRESET;
}

static void finish(struct relay *relay, int result)
{
	loop_source_free(relay->in);
	loop_source_free(relay->out);
	relay->in = relay->out = NULL;
	relay->held_up = false;
	relay->done(relay->ctx, is_peers_end(result) ? 0 : result);
}

static void side_ready(void *ctx, int fd, uint32_t events)
{
	struct relay *relay = ctx;
	bool output = fd == relay->out_fd && relay->held_up;
	ssize_t n = 0;
	int r;

	(void)events;
	for (int round = 0; round < RELAY_ROUNDS; round++) {
		n = move_once(relay);
		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		relay->bytes += (uint64_t)n;
	}
	/*
	 * EAGAIN does not say which side: the one that we did not come from, since the one that
	 * woke us was ready; if that guess is wrong the other source fires at once and the guess
	 * turns.
	 */
	if (n == -EAGAIN)
		r = arm(relay, relay->copies ? false : !output);
	else if (n > 0 || n == -EINTR)
		r = arm(relay, output);
	else
		r = (int)n;
	if (n == 0 || r < 0)
		finish(relay, r);
}

int relay_new(struct loop *loop, int in_fd, int out_fd, relay_done_fn *done, void *ctx,
	      struct relay **ret_relay)
{
	_cleanup_free_ struct relay *relay = calloc(1, sizeof(*relay));
	struct stat in_stat, out_stat;
	int r;

	if (!relay)
		return -ENOMEM;
	if (fstat(in_fd, &in_stat) < 0 || fstat(out_fd, &out_stat) < 0)
		return -errno;
	*relay = (struct relay){
		.loop = loop,
		.in_fd = in_fd,
		.out_fd = out_fd,
		.copies = !S_ISFIFO(in_stat.st_mode) && !S_ISFIFO(out_stat.st_mode),
		.done = done,
		.ctx = ctx,
	};
	r = arm(relay, false);
	if (r < 0)
		return r;
	*ret_relay = TAKE_PTR(relay);
	return 0;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	loop_source_free(relay->in);
	loop_source_free(relay->out);
	free(relay);
}

uint64_t relay_bytes(const struct relay *relay)
{
	return relay->bytes;
}

bool relay_is_held_up(const struct relay *relay)
{
	return relay->held_up;
}
