/* SPDX-License-Identifier: Apache-2.0 */
/* A socket as the other end of a queue pair, of the type that it has. */
#include "vmm/virtio/net-socket.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_IO, sendmsg), SYSCALL(SYSCALLS_IO, recvmsg),
	 SYSCALL(SYSCALLS_MAIN, getsockopt));

static ssize_t result(ssize_t done)
{
	if (done > 0)
		return done;
	if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return -EAGAIN;
	return done < 0 && errno == EMSGSIZE ? -EMSGSIZE : -ENETDOWN;
}

ssize_t net_socket_send(int fd, struct iovec *iov, unsigned n)
{
	const struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t done;

	do
		done = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	return result(done);
}

ssize_t net_socket_receive(int fd, struct iovec *iov, unsigned n, int flags)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t done;

	do
		done = recvmsg(fd, &message, MSG_DONTWAIT | flags);
	while (done < 0 && errno == EINTR);
	return result(done);
}

int net_socket_new(int fd, struct net_backend **ret_backend, struct err *err)
{
	_cleanup_fd_ int owned = fd;
	socklen_t len = sizeof(int);
	int type = 0, r;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		return err_set(err, errno, "the descriptor is not that of a socket");
	if (type == SOCK_STREAM)
		r = net_stream_new(TAKE_FD(owned), ret_backend);
	else if (type == SOCK_SEQPACKET)
		r = net_packet_new(TAKE_FD(owned), ret_backend);
	else
		return err_say(err, EINVAL,
			       "the descriptor is neither that of a stream socket nor of one of "
			       "packets in order");
	return r < 0 ? err_set(err, -r, "cannot make a queue pair") : 0;
}
