/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the guest's agent: waits until it serves, greets it, and carries every call.
 * When the VM fails, calls under way are not answered with a bare "connection lost" but once the
 * reason is known.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_AGENT_CLIENT_H
#define KATA_LIKE_SHIM_SANDBOX_AGENT_CLIENT_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/client.h"
#include "shim/sandbox/vsock-link.h"

struct agent_client;

struct agent_hello {
	const char *sandbox_id;
	uint32_t cpus;
	/* From now until the agent has greeted back; then for what it makes and starts. */
	int64_t timeout_ms;
	bool serves; /* it does already, and will not say so */
};

struct agent_callbacks {
	/* The agent has answered CreateSandbox: err is empty. Otherwise why it did not. Called
	 * once. */
	void (*ready)(void *ctx, const struct err *err);
	/* The connection broke after ready. */
	void (*lost)(void *ctx);
	/* Processes of the container were killed for want of memory, so many until now. */
	void (*oom)(void *ctx, const char *container_id, uint64_t kills);
	void *ctx;
};

/* Waits for the guest behind link, which stays the caller's. Strings are copied. */
int agent_client_new(struct loop *loop, struct vsock_link *link, const struct agent_hello *hello,
		     const struct agent_callbacks *callbacks, struct agent_client **ret_agent,
		     struct err *err) _must_check_;
/* Calls under way get TTRPC_CANCELLED. NULL is fine. */
void agent_client_free(struct agent_client *agent);

/*
 * Calls a method of the agent's ("StartContainer"). done as in ttrpc/client.h, except that a lost
 * connection is only told by agent_client_fail(). timeout_ms 0 waits for ever. It is always called,
 * exactly once, maybe from within.
 */
void agent_client_call(struct agent_client *agent, const char *method,
		       const ProtobufCMessageDescriptor *response, const ProtobufCMessage *request,
		       int64_t timeout_ms, ttrpc_done_fn *done, void *ctx);

/* What a call may take that makes mounts and processes. */
int64_t agent_client_timeout_ms(const struct agent_client *agent);

/* The VM is gone: answers every call, those under way and those to come, with TTRPC_UNAVAILABLE. */
void agent_client_fail(struct agent_client *agent, const char *reason);

#endif
