/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes between two stream sockets. */
#include "shim/net/pump.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#define PUMP_BYTES 65536u

/* One way. Either its input is watched (nothing pending) or its output (something is). */
struct way {
	int from, to;
	size_t len, done; /* of buffer: read, and written of that */
	bool ended;
	char *buffer;
};

struct side {
	int fd;
	uint32_t events; /* watched now */
	struct loop_source *source;
};

struct pump {
	struct loop *loop;
	struct side sides[2];
	struct way ways[2]; /* ways[i] reads sides[i] */
	loop_fn *done;
	void *ctx;
};

/* Moves what can be moved. 0, or -errno when a socket is broken. */
static int move(struct way *way)
{
	while (!way->ended) {
		ssize_t n;

		if (way->done < way->len) {
			n = send(way->to, way->buffer + way->done, way->len - way->done,
				 MSG_NOSIGNAL);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR ? 0 : -errno;
			way->done += (size_t)n;
			continue;
		}
		n = recv(way->from, way->buffer, PUMP_BYTES, 0);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		way->len = (size_t)n;
		way->done = 0;
		if (n == 0) {
			way->ended = true;
			(void)shutdown(way->to, SHUT_WR);
		}
	}
	return 0;
}

/* Watches for exactly what would let something move. */
static int watch(struct pump *pump)
{
	for (int i = 0; i < 2; i++) {
		const struct way *in = &pump->ways[i], *out = &pump->ways[1 - i];
		struct side *side = &pump->sides[i];
		uint32_t events = 0;

		if (!in->ended && in->done == in->len)
			events |= EPOLLIN;
		if (!out->ended && out->done < out->len)
			events |= EPOLLOUT;
		if (events == side->events)
			continue;
		side->events = events;
		/* One shot: a hang-up is told whatever is asked for, and would be told for ever. */
		if (loop_source_set_events(side->source, events | EPOLLONESHOT) < 0)
			return -EIO;
	}
	return 0;
}

static void ready(void *ctx, int fd, uint32_t events)
{
	struct pump *pump = ctx;
	int side = fd == pump->sides[1].fd;
	int r = move(&pump->ways[0]);

	pump->sides[side].events = 0;
	if (r == 0)
		r = move(&pump->ways[1]);
	/* Nothing comes from it any more and nothing can go to it. */
	if (r == 0 && events & (EPOLLERR | EPOLLHUP) && pump->ways[side].ended)
		r = -EPIPE;
	if (r == 0)
		r = watch(pump);
	if (r < 0 || (pump->ways[0].ended && pump->ways[1].ended))
		pump->done(pump->ctx);
}

int pump_new(struct loop *loop, int fd_a, int fd_b, loop_fn *done, void *ctx,
	     struct pump **ret_pump)
{
	struct pump *pump = calloc(1, sizeof(*pump));
	const int fds[2] = { fd_a, fd_b };
	int r = pump ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	pump->loop = loop;
	pump->done = done;
	pump->ctx = ctx;
	for (int i = 0; r == 0 && i < 2; i++) {
		pump->ways[i] = (struct way){ .from = fds[i], .to = fds[1 - i] };
		pump->ways[i].buffer = malloc(PUMP_BYTES);
		pump->sides[i] = (struct side){ .fd = fds[i], .events = EPOLLIN };
		r = pump->ways[i].buffer ? loop_add_fd(loop, fds[i], EPOLLIN | EPOLLONESHOT, ready,
						       pump, &pump->sides[i].source)
					 : -ENOMEM;
	}
	if (r < 0) {
		pump_free(pump);
		return r;
	}
	*ret_pump = pump;
	return 0;
}

void pump_free(struct pump *pump)
{
	if (!pump)
		return;
	for (int i = 0; i < 2; i++) {
		loop_source_free(pump->sides[i].source);
		free(pump->ways[i].buffer);
	}
	free(pump);
}
