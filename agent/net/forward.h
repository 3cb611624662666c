/* SPDX-License-Identifier: Apache-2.0 */
/* Streams from the host to the VM's own localhost, for port-forward (proto/vsock-link.h). */
#ifndef KATA_LIKE_AGENT_NET_FORWARD_H
#define KATA_LIKE_AGENT_NET_FORWARD_H

#include "lib/err.h"
#include "lib/loop.h"

struct forwarder;

/*
 * Serves what connects to a listening socket, which it takes over, also when it fails: up to
 * FORWARD_STREAMS_MAX streams at once; more wait until one has ended.
 */
#define FORWARD_STREAMS_MAX 128
int forwarder_new(struct loop *loop, int listen_fd, struct forwarder **ret_forwarder,
		  struct err *err) _must_check_;
/* Ends every stream. NULL is fine. */
void forwarder_free(struct forwarder *forwarder);

#endif
