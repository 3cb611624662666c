/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, and passing them over sockets. */
#include "lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/syscalls.h"

/* Files are opened, and streams set up, before a jail shuts; those here go on. */
SYSCALLS(SYSCALL(SYSCALLS_ALL, read), SYSCALL(SYSCALLS_ALL, write), SYSCALL(SYSCALLS_ALL, close),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, sendmsg),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, recvmsg),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, fcntl, 1, SYSCALL_IS, F_GETFL),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, fcntl, 1, SYSCALL_IS, F_SETFL),
	 SYSCALL_IF(SYSCALLS_MAIN | SYSCALLS_VCPU, fcntl, 1, SYSCALL_IS, F_SETFD),
	 /* Where the clock's vDSO does not do. */
	 SYSCALL(SYSCALLS_ALL, clock_gettime));

ssize_t fd_read_full(int fd, void *buffer, size_t len_bytes)
{
	size_t done = 0;

	while (done < len_bytes) {
		ssize_t n = read(fd, (char *)buffer + done, len_bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t fd_pread_full(int fd, void *buffer, size_t len_bytes, off_t offset)
{
	size_t done = 0;

	while (done < len_bytes) {
		ssize_t n =
			pread(fd, (char *)buffer + done, len_bytes - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_write_full(int fd, const void *buffer, size_t len_bytes)
{
	size_t done = 0;

	while (done < len_bytes) {
		ssize_t n = write(fd, (const char *)buffer + done, len_bytes - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

int fd_set_nonblock(int fd, int on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, int on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

union pass_control {
	char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
	struct cmsghdr align;
};

int fd_send(int socket_fd, const void *data, size_t len_bytes, const int *fds, size_t n_fds)
{
	union pass_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len_bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > FD_PASS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *cmsg = &control.align;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * n_fds);
	}
	do
		n = sendmsg(socket_fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len_bytes ? 0 : -EMSGSIZE;
}

static void take_descriptors(struct msghdr *msg, int *ret_fds, size_t *n_fds)
{
	size_t room = *n_fds;

	*n_fds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (*n_fds < room)
				ret_fds[(*n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

ssize_t fd_recv(int socket_fd, void *data, size_t len_bytes, int *ret_fds, size_t *n_fds)
{
	union pass_control control = { 0 };
	struct iovec iov = { .iov_base = data, .iov_len = len_bytes };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(socket_fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		*n_fds = 0;
		return -errno;
	}
	take_descriptors(&msg, ret_fds, n_fds);
	return n;
}

int64_t clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}
