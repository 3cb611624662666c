/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket of packets in order (SOCK_SEQPACKET) as the other end of a queue pair: a frame is a
 * packet, and there is no header on the wire.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "vmm/virtio/net-socket.h"

static int packet_send(struct net_backend *backend, const struct net_frame *frame)
{
	struct iovec iov[VIRTQ_CHAIN_MAX + 1];
	unsigned n = frame->n_iov - 1; /* the first one is the header */
	ssize_t sent;

	memcpy(iov, frame->iov + 1, sizeof(iov[0]) * n);
	sent = net_socket_send(backend->fd, iov, n);
	return sent < 0 ? (int)sent : 0;
}

static int packet_flush(struct net_backend *backend)
{
	(void)backend;
	return 0;
}

/* Puts a header of no meaning at the start of the parts, and says where what follows it is to go.
 */
static unsigned place(struct iovec *parts, unsigned n, struct iovec *iov)
{
	size_t skip = NET_HEADER_BYTES;
	unsigned n_iov = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t part = MIN(parts[i].iov_len, skip);

		memset(parts[i].iov_base, 0, part);
		skip -= part;
		if (part < parts[i].iov_len)
			iov[n_iov++] = (struct iovec){ (uint8_t *)parts[i].iov_base + part,
						       parts[i].iov_len - part };
	}
	return n_iov;
}

static ssize_t packet_receive(struct net_backend *backend, struct iovec *parts, unsigned n,
			      size_t room_bytes)
{
	struct iovec iov[NET_BACKEND_PARTS];
	ssize_t got = net_socket_receive(backend->fd, iov, place(parts, n, iov), MSG_TRUNC);

	if (got < 0)
		return got;
	/* With MSG_TRUNC it is the packet's length, whatever the room. */
	return got < (ssize_t)NET_FRAME_MIN || NET_HEADER_BYTES + (size_t)got > room_bytes
		       ? -EMSGSIZE
		       : NET_HEADER_BYTES + got;
}

static bool packet_is_midway(const struct net_backend *backend)
{
	(void)backend;
	return false;
}

static void packet_forget(struct net_backend *backend)
{
	(void)backend;
}

static int packet_set_offloads(struct net_backend *backend, uint64_t features)
{
	(void)backend;
	return features == 0 ? 0 : -EOPNOTSUPP;
}

static int packet_enable(struct net_backend *backend, bool on)
{
	(void)backend;
	return on ? 0 : -EOPNOTSUPP;
}

static void packet_free(struct net_backend *backend)
{
	cleanup_fd(&backend->fd);
	free(backend);
}

static const struct net_backend_ops packet_ops = {
	.send = packet_send,
	.flush = packet_flush,
	.receive = packet_receive,
	.is_midway = packet_is_midway,
	.forget = packet_forget,
	.set_offloads = packet_set_offloads,
	.enable = packet_enable,
	.free = packet_free,
};

int net_packet_new(int fd, struct net_backend **ret_backend)
{
	_cleanup_fd_ int owned = fd;
	struct net_backend *backend = calloc(1, sizeof(*backend));

	if (!backend)
		return -ENOMEM;
	*backend = (struct net_backend){ .ops = &packet_ops, .fd = TAKE_FD(owned) };
	*ret_backend = backend;
	return 0;
}
