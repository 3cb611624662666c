/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of vsock. */
#include "agent/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/vm_sockets.h>

#define CONNECT_TIMEOUT_S 2
#define LISTEN_BACKLOG	  16

static int vsock_socket(struct err *err)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		return fd;
	err_set(err, errno, "cannot make a vsock socket");
	return err_hint(err, "the guest kernel needs CONFIG_VIRTIO_VSOCKETS");
}

int vsock_listen(uint32_t port, int *ret_fd, struct err *err)
{
	const struct sockaddr_vm address = { .svm_family = AF_VSOCK,
					     .svm_port = port,
					     .svm_cid = VMADDR_CID_ANY };
	_cleanup_fd_ int fd = vsock_socket(err);

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return err_set(err, errno, "cannot listen on vsock port %u", port);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int vsock_connect_host(uint32_t port, int *ret_fd, struct err *err)
{
	const struct sockaddr_vm address = { .svm_family = AF_VSOCK,
					     .svm_port = port,
					     .svm_cid = VMADDR_CID_HOST };
	const struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT_S };
	_cleanup_fd_ int fd = vsock_socket(err);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout)) < 0)
		return err_set(err, errno, "cannot limit the time of a vsock connect");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot connect to vsock port %u of the host", port);
	*ret_fd = TAKE_FD(fd);
	return 0;
}
