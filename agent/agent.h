/* SPDX-License-Identifier: Apache-2.0 */
/* The agent: the container engine and what the RPC service over it needs. */
#ifndef KATA_LIKE_AGENT_AGENT_H
#define KATA_LIKE_AGENT_AGENT_H

#include "agent/container/engine.h"
#include "agent/events.h"

/* Connects to a stdio port that a request names. */
typedef int agent_connect_fn(void *ctx, uint32_t port, int *ret_fd, struct err *err);

struct forwarder;

struct agent {
	struct loop *loop;
	struct engine engine;
	struct events *events;
	struct forwarder *forwarder;
	agent_connect_fn *connect;
	void *connect_ctx;
	/* Where config.json's own root.path is used, as on a host; a VM has no such directory. */
	bool root_from_bundle;
	bool sandbox_made;
	uint64_t started_ns, ready_ns; /* since kernel entry */
};

#endif
