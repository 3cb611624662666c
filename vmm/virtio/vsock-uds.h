/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening Unix socket for tools that want a port of the guest: a client writes "CONNECT
 * <port>\n" and, once the guest accepts, reads "OK <host port>\n"; after that its bytes are the
 * guest's. Here is the first half, up to the end of the client's line.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_UDS_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_UDS_H

#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/loop.h"

/* Clients whose line is not complete; more wait in the socket's backlog. */
#define VSOCK_UDS_CLIENTS_MAX 16u
/* How long a client may take for its line. */
#define VSOCK_UDS_TIMEOUT_MS 5000

struct vsock_uds;

/* fd is the callee's. In the loop's thread. */
typedef void vsock_uds_connect_fn(void *ctx, uint32_t port, int fd);

/* Owns listen_fd from the call on. Accepts nobody until it is started. */
int vsock_uds_new(int listen_fd, struct loop *loop, vsock_uds_connect_fn *fn, void *ctx,
		  struct vsock_uds **ret_uds, struct err *err) _must_check_;
/* Accepts clients. */
void vsock_uds_start(struct vsock_uds *uds);
/* Drops the clients that have no connection yet, and leaves others in the backlog. */
void vsock_uds_stop(struct vsock_uds *uds);
/* NULL is fine. Before its loop. */
void vsock_uds_free(struct vsock_uds *uds);

#endif
