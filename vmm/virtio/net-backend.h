/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the frames of a virtio-net queue pair go and come from: a tap, or a socket. One
 * backend a queue pair, used by one thread at a time; no call waits.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_BACKEND_H
#define KATA_LIKE_VMM_VIRTIO_NET_BACKEND_H

#include "lib/err.h"
#include "vmm/virtio/net-frame.h"
#include "vmm/virtio/net-window.h"

/* The most parts that a frame is read into: a window's, and the place for the rest. */
#define NET_BACKEND_PARTS (NET_WINDOW_PARTS + 1)

struct net_backend;

struct net_backend_ops {
	/*
	 * Sends the frame. 0; -EAGAIN: not now, try when fd is writable; -ENETDOWN: never more;
	 * another -errno: this frame cannot be sent.
	 */
	int (*send)(struct net_backend *backend, const struct net_frame *frame);
	/* What an earlier send() left to do. 0, or as send(). */
	int (*flush)(struct net_backend *backend);
	/*
	 * Reads the next frame, header first, to the start of n parts of room bytes together;
	 * parts[n] is there to be used. While it is midway the next call must offer the same parts,
	 * perhaps with more behind them. The bytes of header and frame, or -EAGAIN: there is
	 * none; -EMSGSIZE: there was one, too large for the room, and it is lost; -ENETDOWN: never
	 * more.
	 */
	ssize_t (*receive)(struct net_backend *backend, struct iovec *parts, unsigned n,
			   size_t room_bytes);
	/* Whether receive() has begun with a frame that is not all there yet. */
	bool (*is_midway)(const struct net_backend *backend);
	/* The parts that receive() was given are not to be written any more. */
	void (*forget)(struct net_backend *backend);
	/* Which of NET_F_GUEST_OFFLOADS frames may make use of from now on. 0 or -errno. */
	int (*set_offloads)(struct net_backend *backend, uint64_t features);
	/* Whether this queue gets frames. 0 or -errno. */
	int (*enable)(struct net_backend *backend, bool on);
	void (*free)(struct net_backend *backend);
};

struct net_backend {
	const struct net_backend_ops *ops;
	int fd;
	uint64_t features; /* that it makes possible */
};

/*
 * n taps of one interface, one for each queue pair, in ret_backends. Takes the descriptors, on
 * failure too. -EINVAL: one is no tap with IFF_VNET_HDR.
 */
int net_tap_new(const int *fds, unsigned n, struct net_backend **ret_backends, struct err *err)
	_must_check_;

/*
 * A connected socket. On a stream each frame is preceded by its length in 4 bytes, big endian (as
 * passt and QEMU's "-netdev stream" have it); on one of packets (SOCK_SEQPACKET) each is a frame,
 * as slirp4netns has it. Takes the descriptor, on failure too.
 */
int net_socket_new(int fd, struct net_backend **ret_backend, struct err *err) _must_check_;

#endif
