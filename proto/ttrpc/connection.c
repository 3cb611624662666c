/* SPDX-License-Identifier: Apache-2.0 */
/* Frames over one stream socket. */
#include "proto/ttrpc/connection.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/bytes.h"
#include "lib/fd.h"
#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_MAIN, sendto), SYSCALL(SYSCALLS_MAIN, recvfrom),
	 SYSCALL(SYSCALLS_MAIN, shutdown));

#define READ_CHUNK 4096u
#define READ_BUDGET                                                                            \
	(256u << 10)	      /* what one wake-up reads at most, so that others get their turn \
			       */
#define UNSENT_MAX (8u << 20) /* beyond that the peer is not read from */

struct ttrpc_connection {
	struct loop_source *source;
	int fd;
	const struct ttrpc_connection_ops *ops;
	void *ctx;
	struct bytes in, out;
	uint64_t discard_bytes; /* of an oversized frame, still to come */
	uint32_t events;	/* what the source watches for */
	bool dispatching;	/* a callback may be on the stack */
	bool freed;		/* free as soon as it is not */
	bool failed;
};

static void connection_watch(struct ttrpc_connection *c)
{
	uint32_t events = 0;

	if (c->failed)
		return;
	if (c->out.len < UNSENT_MAX)
		events |= EPOLLIN;
	if (c->out.len > 0)
		events |= EPOLLOUT;
	if (events == c->events)
		return;
	c->events = events;
	if (loop_source_set_events(c->source, events) < 0)
		c->failed = true;
}

static void connection_flush(struct ttrpc_connection *c)
{
	while (c->out.len > 0) {
		ssize_t n = send(c->fd, bytes_front(&c->out), c->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				c->failed = true;
			return;
		}
		bytes_consume(&c->out, (size_t)n);
	}
}

static void connection_discard(struct ttrpc_connection *c)
{
	size_t n = (size_t)MIN(c->discard_bytes, (uint64_t)c->in.len);

	bytes_consume(&c->in, n);
	c->discard_bytes -= n;
}

/* Hands on each frame that has arrived whole. */
static void connection_dispatch(struct ttrpc_connection *c)
{
	for (;;) {
		struct ttrpc_frame frame;

		if (c->discard_bytes > 0)
			connection_discard(c);
		if (c->freed || c->discard_bytes > 0 || c->in.len < TTRPC_FRAME_HEADER_BYTES)
			return;
		ttrpc_frame_decode(bytes_front(&c->in), &frame);
		if (frame.len_bytes > TTRPC_FRAME_DATA_MAX) {
			bytes_consume(&c->in, TTRPC_FRAME_HEADER_BYTES);
			c->discard_bytes = frame.len_bytes;
			c->ops->oversized(c->ctx, &frame);
			continue;
		}
		if (c->in.len < TTRPC_FRAME_HEADER_BYTES + (size_t)frame.len_bytes)
			return;
		c->ops->frame(c->ctx, &frame, bytes_front(&c->in) + TTRPC_FRAME_HEADER_BYTES);
		if (!c->freed)
			bytes_consume(&c->in, TTRPC_FRAME_HEADER_BYTES + (size_t)frame.len_bytes);
	}
}

static void connection_fill(struct ttrpc_connection *c)
{
	for (size_t budget = READ_BUDGET; budget >= READ_CHUNK; budget -= READ_CHUNK) {
		uint8_t *to = bytes_reserve(&c->in, READ_CHUNK);
		ssize_t n;

		if (!to) {
			c->failed = true;
			return;
		}
		n = recv(c->fd, to, READ_CHUNK, 0);
		if (n > 0) {
			bytes_commit(&c->in, (size_t)n);
			connection_dispatch(c);
			if (c->freed)
				return;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			c->failed = true;
		return;
	}
}

static void connection_destroy(struct ttrpc_connection *c)
{
	loop_source_free(c->source);
	close(c->fd);
	bytes_fini(&c->in);
	bytes_fini(&c->out);
	free(c);
}

static void connection_ready(void *ctx, int fd, uint32_t events)
{
	struct ttrpc_connection *c = ctx;

	(void)fd;
	c->dispatching = true;
	if (events & EPOLLOUT)
		connection_flush(c);
	if ((events & EPOLLOUT) && c->out.len == 0 && !c->failed && c->ops->drained)
		c->ops->drained(c->ctx);
	if (!c->freed && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		connection_fill(c);
	if (!c->freed)
		connection_watch(c);
	if (!c->freed && c->failed) {
		loop_source_free(c->source);
		c->source = NULL;
		c->ops->closed(c->ctx);
	}
	c->dispatching = false;
	if (c->freed)
		connection_destroy(c);
}

int ttrpc_connection_new(struct loop *loop, int fd, const struct ttrpc_connection_ops *ops,
			 void *ctx, struct ttrpc_connection **ret_connection)
{
	_cleanup_fd_ int owned = fd;
	_cleanup_free_ struct ttrpc_connection *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = fd_set_nonblock(fd, 1);
	if (r < 0)
		return r;
	c->fd = fd;
	c->ops = ops;
	c->ctx = ctx;
	c->events = EPOLLIN;
	r = loop_add_fd(loop, fd, c->events, connection_ready, c, &c->source);
	if (r < 0)
		return r;
	(void)TAKE_FD(owned);
	*ret_connection = TAKE_PTR(c);
	return 0;
}

void ttrpc_connection_free(struct ttrpc_connection *connection)
{
	if (!connection)
		return;
	connection->freed = true;
	if (!connection->dispatching)
		connection_destroy(connection);
}

int ttrpc_connection_send(struct ttrpc_connection *connection, const struct ttrpc_frame *frame,
			  const uint8_t *data)
{
	uint8_t *to;

	if (frame->len_bytes > TTRPC_FRAME_DATA_MAX)
		return -EMSGSIZE;
	if (connection->failed)
		return 0;
	to = bytes_reserve(&connection->out, TTRPC_FRAME_HEADER_BYTES + (size_t)frame->len_bytes);
	if (!to)
		return -ENOMEM;
	ttrpc_frame_encode(frame, to);
	if (frame->len_bytes > 0)
		memcpy(to + TTRPC_FRAME_HEADER_BYTES, data, frame->len_bytes);
	bytes_commit(&connection->out, TTRPC_FRAME_HEADER_BYTES + (size_t)frame->len_bytes);
	connection_flush(connection);
	/* A failure found here is reported from the loop: the socket's hang-up wakes it. */
	connection_watch(connection);
	return 0;
}

int ttrpc_connection_send_message(struct ttrpc_connection *connection, uint32_t stream_id,
				  const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	struct ttrpc_frame frame = { .stream_id = stream_id, .type = TTRPC_FRAME_DATA };
	_cleanup_free_ uint8_t *packed = NULL;

	if (len > TTRPC_FRAME_DATA_MAX)
		return -EMSGSIZE;
	packed = malloc(len ? len : 1);
	if (!packed)
		return -ENOMEM;
	frame.len_bytes = (uint32_t)protobuf_c_message_pack(message, packed);
	return ttrpc_connection_send(connection, &frame, packed);
}

int ttrpc_connection_send_end(struct ttrpc_connection *connection, uint32_t stream_id)
{
	const struct ttrpc_frame frame = { .stream_id = stream_id,
					   .type = TTRPC_FRAME_DATA,
					   .flags = TTRPC_FLAG_REMOTE_CLOSED | TTRPC_FLAG_NO_DATA };

	return ttrpc_connection_send(connection, &frame, NULL);
}

void ttrpc_connection_break(struct ttrpc_connection *connection)
{
	(void)shutdown(connection->fd, SHUT_RDWR);
}

size_t ttrpc_connection_pending(const struct ttrpc_connection *connection)
{
	return connection->out.len;
}

bool ttrpc_connection_is_unread(const struct ttrpc_connection *connection)
{
	int unread = 0;

	if (connection->failed)
		return false;
	return connection->out.len > 0 ||
	       (ioctl(connection->fd, SIOCOUTQ, &unread) == 0 && unread > 0);
}
