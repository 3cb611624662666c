/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream socket as the other end of a queue pair: each frame follows its length in 4 bytes, big
 * endian. There is no header on the wire, so nothing is left for the other side to compute.
 *
 * What has begun must end, or the other side reads frames out of step: the rest of a frame that was
 * sent partly is kept here, and a frame that was read partly is skipped if nobody wants it any
 * more.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "vmm/virtio/net-socket.h"

#define LENGTH_BYTES 4u

struct net_stream {
	struct net_backend base;
	/* Reading: the length, as far as it is there; then how much of the frame. */
	uint8_t length[LENGTH_BYTES];
	uint32_t length_done, frame_bytes, frame_done;
	bool skip; /* the rest of this frame */
	/* Writing: what is left of the last frame. */
	uint32_t rest_bytes, rest_done;
	uint8_t rest[LENGTH_BYTES + NET_FRAME_MAX];
};

static struct net_stream *stream_of(struct net_backend *backend)
{
	return CONTAINER_OF(backend, struct net_stream, base);
}

static int stream_flush(struct net_backend *backend)
{
	struct net_stream *stream = stream_of(backend);

	while (stream->rest_done < stream->rest_bytes) {
		struct iovec iov = { stream->rest + stream->rest_done,
				     stream->rest_bytes - stream->rest_done };
		ssize_t n = net_socket_send(backend->fd, &iov, 1);

		if (n < 0)
			return (int)n;
		stream->rest_done += (uint32_t)n;
	}
	stream->rest_bytes = stream->rest_done = 0;
	return 0;
}

static void keep_rest(struct net_stream *stream, const struct iovec *iov, unsigned n, size_t skip)
{
	for (unsigned i = 0; i < n; i++) {
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = iov[i].iov_len - skip;
		memcpy(stream->rest + stream->rest_bytes, (uint8_t *)iov[i].iov_base + skip, part);
		stream->rest_bytes += (uint32_t)part;
		skip = 0;
	}
}

static int stream_send(struct net_backend *backend, const struct net_frame *frame)
{
	struct net_stream *stream = stream_of(backend);
	struct iovec iov[VIRTQ_CHAIN_MAX + 1];
	uint32_t length = htobe32(frame->bytes);
	int r = stream_flush(backend);
	ssize_t n;

	if (r < 0)
		return r;
	memcpy(iov, frame->iov, sizeof(iov[0]) * frame->n_iov);
	iov[0] = (struct iovec){ &length, sizeof(length) };
	n = net_socket_send(backend->fd, iov, frame->n_iov);
	if (n < 0)
		return (int)n;
	if ((size_t)n < LENGTH_BYTES + frame->bytes)
		keep_rest(stream, iov, frame->n_iov, (size_t)n);
	return 0;
}

/* Has the next frame's length, or -EAGAIN or -ENETDOWN. */
static int read_length(struct net_stream *stream)
{
	uint32_t length;

	while (stream->length_done < LENGTH_BYTES) {
		struct iovec iov = { stream->length + stream->length_done,
				     LENGTH_BYTES - stream->length_done };
		ssize_t n = net_socket_receive(stream->base.fd, &iov, 1, 0);

		if (n < 0)
			return (int)n;
		stream->length_done += (uint32_t)n;
	}
	memcpy(&length, stream->length, sizeof(length));
	stream->frame_bytes = be32toh(length);
	/* Out of step, or worse: no further byte means anything. */
	if (stream->frame_bytes < NET_FRAME_MIN || stream->frame_bytes > NET_FRAME_MAX)
		return -ENETDOWN;
	return 0;
}

static void next_frame(struct net_stream *stream)
{
	stream->length_done = stream->frame_done = stream->frame_bytes = 0;
	stream->skip = false;
}

static ssize_t skip_rest(struct net_stream *stream)
{
	uint8_t waste[4096];

	while (stream->frame_done < stream->frame_bytes) {
		struct iovec iov = { waste, MIN(sizeof(waste), (size_t)(stream->frame_bytes -
									stream->frame_done)) };
		ssize_t n = net_socket_receive(stream->base.fd, &iov, 1, 0);

		if (n < 0)
			return n;
		stream->frame_done += (uint32_t)n;
	}
	next_frame(stream);
	return -EMSGSIZE;
}

/* The room of the frame's missing bytes, and behind it that of the next one's length. */
static unsigned place(struct net_stream *stream, const struct iovec *parts, unsigned n,
		      struct iovec *iov)
{
	size_t skip = NET_HEADER_BYTES + stream->frame_done;
	size_t left = stream->frame_bytes - stream->frame_done;
	unsigned n_iov = 0;

	for (unsigned i = 0; i < n && left > 0; i++) {
		size_t part;

		if (skip >= parts[i].iov_len) {
			skip -= parts[i].iov_len;
			continue;
		}
		part = MIN(parts[i].iov_len - skip, left);
		iov[n_iov++] = (struct iovec){ (uint8_t *)parts[i].iov_base + skip, part };
		left -= part;
		skip = 0;
	}
	iov[n_iov++] = (struct iovec){ stream->length, LENGTH_BYTES };
	return n_iov;
}

/* The frame is whole: puts a header of no meaning before it. */
static ssize_t end_frame(struct net_stream *stream, const struct iovec *parts, uint32_t surplus)
{
	uint32_t bytes = stream->frame_bytes;
	size_t left = NET_HEADER_BYTES;

	for (unsigned i = 0; left > 0; i++) {
		size_t part = MIN(parts[i].iov_len, left);

		memset(parts[i].iov_base, 0, part);
		left -= part;
	}
	next_frame(stream);
	stream->length_done = surplus;
	return NET_HEADER_BYTES + (ssize_t)bytes;
}

static ssize_t stream_receive(struct net_backend *backend, struct iovec *parts, unsigned n,
			      size_t room_bytes)
{
	struct net_stream *stream = stream_of(backend);
	struct iovec iov[NET_BACKEND_PARTS + 1];
	ssize_t got;

	if (stream->frame_bytes == 0) {
		int r = read_length(stream);

		if (r < 0)
			return r;
		stream->skip = room_bytes < NET_HEADER_BYTES + stream->frame_bytes;
	}
	if (stream->skip)
		return skip_rest(stream);
	do {
		uint32_t left = stream->frame_bytes - stream->frame_done;

		got = net_socket_receive(backend->fd, iov, place(stream, parts, n, iov), 0);
		if (got < 0)
			return got;
		if ((uint32_t)got >= left)
			return end_frame(stream, parts, (uint32_t)got - left);
		stream->frame_done += (uint32_t)got;
	} while (1);
}

static bool stream_is_midway(const struct net_backend *backend)
{
	return CONTAINER_OF(backend, const struct net_stream, base)->frame_bytes != 0;
}

static void stream_forget(struct net_backend *backend)
{
	struct net_stream *stream = stream_of(backend);

	stream->skip = stream->frame_bytes != 0;
}

static int stream_set_offloads(struct net_backend *backend, uint64_t features)
{
	(void)backend;
	return features == 0 ? 0 : -EOPNOTSUPP;
}

static int stream_enable(struct net_backend *backend, bool on)
{
	(void)backend;
	return on ? 0 : -EOPNOTSUPP;
}

static void stream_free(struct net_backend *backend)
{
	cleanup_fd(&backend->fd);
	free(stream_of(backend));
}

static const struct net_backend_ops stream_ops = {
	.send = stream_send,
	.flush = stream_flush,
	.receive = stream_receive,
	.is_midway = stream_is_midway,
	.forget = stream_forget,
	.set_offloads = stream_set_offloads,
	.enable = stream_enable,
	.free = stream_free,
};

int net_stream_new(int fd, struct net_backend **ret_backend)
{
	_cleanup_fd_ int owned = fd;
	struct net_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->base = (struct net_backend){ .ops = &stream_ops, .fd = TAKE_FD(owned) };
	*ret_backend = &stream->base;
	return 0;
}
