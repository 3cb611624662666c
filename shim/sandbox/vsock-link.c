/* SPDX-License-Identifier: Apache-2.0 */
/* Vsock connections to and from the guest, each a descriptor that the VMM passes or is passed. */
#include "shim/sandbox/vsock-link.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"

struct vsock_listener {
	struct vsock_link *link;
	struct vsock_listener *next, **self; /* self: what points at us */
	uint32_t port;
	vsock_accept_fn *fn;
	void *ctx;
};

struct vsock_link {
	int fd;
	struct loop_source *source;
	struct vsock_listener *listeners;
};

static void accept_one(struct vsock_link *link, uint32_t port, int fd)
{
	for (struct vsock_listener *l = link->listeners; l; l = l->next) {
		vsock_accept_fn *fn = l->fn;
		void *ctx = l->ctx;

		if (l->port != port)
			continue;
		vsock_listener_free(l);
		if (fd >= 0 && fd_set_nonblock(fd, 1) < 0) {
			close(fd);
			fd = -1;
		}
		fn(ctx, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void link_ready(void *ctx, int fd, uint32_t events)
{
	struct vsock_link *link = ctx;
	/* With room for more, so that a longer packet is seen to be one. */
	struct {
		struct vsock_link_message message;
		uint8_t more;
	} packet;
	int passed = -1;
	size_t n_passed = 1;
	ssize_t n = fd_recv(fd, &packet, sizeof(packet), &passed, &n_passed);

	(void)events;
	/* One message a turn: a callback may free the link. */
	if (n == (ssize_t)sizeof(packet.message)) {
		accept_one(link, packet.message.port, n_passed == 1 ? passed : -1);
		return;
	}
	if (n_passed == 1 && passed >= 0)
		close(passed);
	/* The VMM has gone: whoever supervises it tells, so only stop listening. */
	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
		loop_source_free(link->source);
		link->source = NULL;
	}
}

int vsock_link_new(struct loop *loop, int fd, struct vsock_link **ret_link, struct err *err)
{
	_cleanup_fd_ int owned = fd;
	_cleanup_free_ struct vsock_link *link = calloc(1, sizeof(*link));
	int r;

	if (!link)
		return err_set(err, ENOMEM, "cannot make the vsock link");
	r = fd_set_nonblock(fd, 1);
	if (r == 0)
		r = loop_add_fd(loop, fd, EPOLLIN, link_ready, link, &link->source);
	if (r < 0)
		return err_set(err, -r, "cannot make the vsock link");
	link->fd = TAKE_FD(owned);
	*ret_link = TAKE_PTR(link);
	return 0;
}

void vsock_link_free(struct vsock_link *link)
{
	if (!link)
		return;
	while (link->listeners)
		vsock_listener_free(link->listeners);
	loop_source_free(link->source);
	close(link->fd);
	free(link);
}

int vsock_link_listen(struct vsock_link *link, uint32_t port, vsock_accept_fn *fn, void *ctx,
		      struct vsock_listener **ret_listener)
{
	struct vsock_listener *listener;

	for (struct vsock_listener *l = link->listeners; l; l = l->next)
		if (l->port == port)
			return -EADDRINUSE;
	listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	*listener = (struct vsock_listener){ .link = link, .port = port, .fn = fn, .ctx = ctx };
	listener->next = link->listeners;
	if (listener->next)
		listener->next->self = &listener->next;
	listener->self = &link->listeners;
	link->listeners = listener;
	*ret_listener = listener;
	return 0;
}

void vsock_listener_free(struct vsock_listener *listener)
{
	if (!listener)
		return;
	*listener->self = listener->next;
	if (listener->next)
		listener->next->self = listener->self;
	free(listener);
}

int vsock_link_connect(struct vsock_link *link, uint32_t port, int *ret_fd, struct err *err)
{
	struct vsock_link_message message = { .port = port };
	_cleanup_fd_ int ours = -1, theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_set(err, errno, "cannot connect to the guest's port %u", port);
	ours = pair[0];
	theirs = pair[1];
	r = fd_send(link->fd, &message, sizeof(message), &theirs, 1);
	if (r < 0)
		return err_set(err, -r, "cannot connect to the guest's port %u", port);
	*ret_fd = TAKE_FD(ours);
	return 0;
}
