/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's end of the pair over which vsock connections are handed across (proto/vsock-link.h).
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_VSOCK_LINK_H
#define KATA_LIKE_SHIM_SANDBOX_VSOCK_LINK_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

struct vsock_link;
struct vsock_listener;

/*
 * The guest has connected: fd is a stream socket, non-blocking, the callee's; or -1 where it got
 * lost on its way, for want of room for another descriptor.
 */
typedef void vsock_accept_fn(void *ctx, int fd);

/* Takes over the packet socket, also when it fails. */
int vsock_link_new(struct loop *loop, int fd, struct vsock_link **ret_link, struct err *err)
	_must_check_;
/* Listeners still there are freed with it. NULL is fine. */
void vsock_link_free(struct vsock_link *link);

/*
 * Waits for one connection to a port of the host's; fn is called at most once and the listener is
 * gone by then. Connections to a port that nobody listens on are refused. -EADDRINUSE, -ENOMEM.
 */
int vsock_link_listen(struct vsock_link *link, uint32_t port, vsock_accept_fn *fn, void *ctx,
		      struct vsock_listener **ret_listener) _must_check_;
/* NULL is fine. */
void vsock_listener_free(struct vsock_listener *listener);

/*
 * Connects to a port of the guest's: a stream socket, the caller's, that is non-blocking and ends
 * at once when the guest refuses.
 */
int vsock_link_connect(struct vsock_link *link, uint32_t port, int *ret_fd, struct err *err)
	_must_check_;

#endif
