/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's methods: the VM as a whole. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/machine.h"
#include "agent/rpc/handlers.h"
#include "common.pb-c.h"

static int set_up(const KataLike__Agent__V1__CreateSandboxRequest *request, struct err *err)
{
	int r = 0;

	if (request->now)
		r = machine_set_clock(request->now->seconds, request->now->nanos, err);
	if (r == 0 && request->entropy.len > 0)
		r = machine_add_entropy(request->entropy.data, request->entropy.len, err);
	if (r == 0 && request->cpus > 1)
		r = machine_set_cpus_online(request->cpus, err);
	if (r == 0 && *request->hostname &&
	    sethostname(request->hostname, strlen(request->hostname)) < 0)
		r = err_set(err, errno, "cannot set the host name %s", request->hostname);
	return r == 0 ? namespaces_loopback_up(err) : r;
}

void rpc_create_sandbox(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__CreateSandboxRequest *request = (const void *)message;
	KataLike__Agent__V1__CreateSandboxResponse response =
		KATA_LIKE__AGENT__V1__CREATE_SANDBOX_RESPONSE__INIT;
	struct agent *agent = ctx;
	struct err err = ERR_INIT;
	struct utsname names;

	if (agent->sandbox_made) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "the sandbox has been made already");
		return;
	}
	if (set_up(request, &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	agent->sandbox_made = true;
	uname(&names);
	response.kernel_release = names.release;
	response.agent_version = (char *)KATA_LIKE_VERSION;
	response.kernel_to_agent_ns = agent->started_ns;
	response.kernel_to_ready_ns = agent->ready_ns;
	ttrpc_call_reply(call, &response.base);
}

void rpc_set_clock(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__SetClockRequest *request = (const void *)message;
	struct err err = ERR_INIT;

	(void)ctx;
	if (!request->now)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "SetClock without a time");
	else if (machine_follow_clock(request->now->seconds, request->now->nanos, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

static void on_destroyed(void *ctx, const struct err *err, pid_t pid)
{
	sync();
	rpc_answer_empty(ctx, err, pid);
}

void rpc_destroy_sandbox(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct agent *agent = ctx;

	(void)message;
	engine_destroy_all(&agent->engine, on_destroyed, call);
}

static void on_event(void *ctx, const char *container_id, uint64_t oom_kills)
{
	KataLike__Agent__V1__Event event = KATA_LIKE__AGENT__V1__EVENT__INIT;
	struct ttrpc_call *call = ctx;

	event.container_id = (char *)container_id;
	event.kind = KATA_LIKE__AGENT__V1__EVENT__KIND__OOM;
	event.oom_kills = oom_kills;
	ttrpc_call_reply(call, &event.base);
}

void rpc_next_event(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct agent *agent = ctx;

	(void)message;
	if (events_next(agent->events, on_event, call) < 0)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"another call waits for the next event");
}
