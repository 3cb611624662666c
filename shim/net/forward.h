/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port-forward: what connects to localhost in the pod's network namespace, at whatever port,
 * reaches the guest's localhost. (Kubernetes' port-forward does that: it knows nothing of VMs.)
 */
#ifndef KATA_LIKE_SHIM_NET_FORWARD_H
#define KATA_LIKE_SHIM_NET_FORWARD_H

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/sandbox/vsock-link.h"

struct forward;

#define FORWARD_CONNECTIONS_MAX 120

/*
 * Begins to serve in the namespace. netns_fd and link are borrowed. A port that nobody listens on
 * in the guest is refused as well as can be: the connection is reset at once.
 */
int forward_new(struct loop *loop, int netns_fd, struct vsock_link *link,
		struct forward **ret_forward, struct err *err) _must_check_;
/* Ends every connection; before the link is freed. NULL is fine. */
void forward_free(struct forward *forward);

#endif
