/* SPDX-License-Identifier: Apache-2.0 */
/* What the backends on sockets share. */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_SOCKET_H
#define KATA_LIKE_VMM_VIRTIO_NET_SOCKET_H

#include "vmm/virtio/net-backend.h"

/*
 * sendmsg() and recvmsg() that do not wait: bytes, -EAGAIN, -EMSGSIZE, or -ENETDOWN at the other
 * side's end.
 */
ssize_t net_socket_send(int fd, struct iovec *iov, unsigned n) _must_check_;
ssize_t net_socket_receive(int fd, struct iovec *iov, unsigned n, int flags) _must_check_;

/* A connected socket of each type. Take the descriptor, on failure too. 0 or -ENOMEM. */
int net_stream_new(int fd, struct net_backend **ret_backend) _must_check_;
int net_packet_new(int fd, struct net_backend **ret_backend) _must_check_;

#endif
