/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of vsock. */
#include "agent/vsock.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/vm_sockets.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"

#define CONNECT_TIMEOUT_S 2
#define LISTEN_BACKLOG	  16
/* A busy host may take long; one that does not listen refuses at once. */
#define WORDS_TIMEOUT_S 10

static int vsock_socket(struct err *err)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		return fd;
	if (errno == EAFNOSUPPORT)
		return err_say(err, errno,
			       "the guest kernel has no vsock (CONFIG_VIRTIO_VSOCKETS)");
	return err_set(err, errno, "cannot make a vsock socket");
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

static int connect_host(int fd, uint32_t port, time_t timeout_s, struct err *err)
{
	const struct sockaddr_vm address = { .svm_family = AF_VSOCK,
					     .svm_port = port,
					     .svm_cid = VMADDR_CID_HOST };
	const struct timeval timeout = { .tv_sec = timeout_s };

	if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout, sizeof(timeout)) < 0)
		return err_set(err, errno, "cannot limit the time of a vsock connect");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot connect to vsock port %u of the host", port);
	return 0;
}

int vsock_connect_host(uint32_t port, int *ret_fd, struct err *err)
{
	_cleanup_fd_ int fd = vsock_socket(err);
	int r = fd < 0 ? fd : connect_host(fd, port, CONNECT_TIMEOUT_S, err);

	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

int vsock_reserve(void)
{
	return vsock_socket(NULL);
}

void vsock_last_words(int reserved_fd, const char *text)
{
	const struct timeval timeout = { .tv_sec = WORDS_TIMEOUT_S };
	int fd = reserved_fd >= 0 ? reserved_fd : vsock_reserve();
	char end;

	/* Who cannot be told is told by the VM's end alone. */
	if (fd < 0 || connect_host(fd, VSOCK_PORT_LAST_WORDS, WORDS_TIMEOUT_S, NULL) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    fd_write_full(fd, text, strlen(text)) < 0 || shutdown(fd, SHUT_WR) < 0)
		return;
	(void)!read(fd, &end, 1);
}
