/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to the guest's agent. First the guest connects to VSOCK_PORT_READY, which says
 * that it serves; then we connect to VSOCK_PORT_AGENT and call CreateSandbox; then calls go
 * through.
 */
#include "shim/sandbox/agent-client.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "lib/ratelimit.h"
#include "lib/fd.h"
#include "proto/vsock-link.h"

#define SERVICE		  "kata_like.agent.v1.Agent"
#define ENTROPY_BYTES	  64
#define CLOCK_INTERVAL_MS 20000
#define EVENT_PAUSE_MS	  1000

/* A call under way, or an orphan: cut off by a lost connection and waiting for the reason. */
struct call {
	struct agent_client *agent;
	struct call *next, **self;
	ttrpc_done_fn *done;
	void *ctx;
};

struct agent_client {
	struct loop *loop;
	struct vsock_link *link;
	struct vsock_listener *ready_listener;
	struct loop_source *boot_timer, *clock_timer, *event_timer;
	struct ttrpc_client *client;
	struct agent_callbacks callbacks;
	char *sandbox_id;
	uint32_t cpus;
	int64_t timeout_ms;
	bool greeted; /* ready has been called */
	struct call *calls, *orphans;
	char *failure;
	struct ratelimit event_limit;
};

static void call_link(struct call **list, struct call *call)
{
	call->next = *list;
	if (call->next)
		call->next->self = &call->next;
	call->self = list;
	*list = call;
}

static void call_unlink(struct call *call)
{
	*call->self = call->next;
	if (call->next)
		call->next->self = call->self;
}

static void call_finish(struct call *call, enum ttrpc_code code, const char *message)
{
	struct ttrpc_status status = { code, message };

	call_unlink(call);
	call->done(call->ctx, &status, NULL);
	free(call);
}

static void call_answered(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *response)
{
	struct call *call = ctx;
	const struct agent_client *agent = call->agent;
	struct ttrpc_status gone = { TTRPC_UNAVAILABLE, agent->failure };
	struct ttrpc_status said = { TTRPC_UNKNOWN, status->message };
	struct ttrpc_status late = { TTRPC_DEADLINE_EXCEEDED,
				     "the guest's agent did not answer in time" };

	call_unlink(call);
	/* The guest may say so, but only we know whether the connection broke. */
	if ((status->code == TTRPC_UNAVAILABLE || status->code == TTRPC_CANCELLED) &&
	    agent->client && ttrpc_client_is_connected(agent->client))
		status = &said;
	if (status->code == TTRPC_DEADLINE_EXCEEDED)
		status = &late;
	if (status->code == TTRPC_UNAVAILABLE && !agent->failure) {
		call_link(&call->agent->orphans, call);
		return;
	}
	if (status->code == TTRPC_CANCELLED && agent->failure)
		status = &gone;
	call->done(call->ctx, status, response);
	free(call);
}

void agent_client_call(struct agent_client *agent, const char *method,
		       const ProtobufCMessageDescriptor *response, const ProtobufCMessage *request,
		       int64_t timeout_ms, ttrpc_done_fn *done, void *ctx)
{
	struct ttrpc_target target = { SERVICE, method, response };
	struct ttrpc_status failed = { TTRPC_UNAVAILABLE, agent->failure };
	struct call *call;
	int r;

	if (agent->failure || !agent->client) {
		if (!agent->failure)
			failed.message = "the guest's agent is not there yet";
		done(ctx, &failed, NULL);
		return;
	}
	call = calloc(1, sizeof(*call));
	if (!call) {
		failed = (struct ttrpc_status){ TTRPC_RESOURCE_EXHAUSTED, "out of memory" };
		done(ctx, &failed, NULL);
		return;
	}
	*call = (struct call){ .agent = agent, .done = done, .ctx = ctx };
	call_link(&agent->calls, call);
	r = ttrpc_client_call(agent->client, &target, request, timeout_ms, call_answered, call);
	if (r == -EMSGSIZE || r == -E2BIG) {
		call_finish(call, TTRPC_INVALID_ARGUMENT, "the request is too large");
	} else if (r == -ENOMEM) {
		call_finish(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	} else if (r < 0) {
		call_unlink(call);
		call_link(&agent->orphans, call);
	}
}

void agent_client_fail(struct agent_client *agent, const char *reason)
{
	if (agent->failure)
		return;
	agent->failure = strdup(reason);
	if (!agent->failure)
		agent->failure = strdup("");
	loop_timer_arm(agent->boot_timer, -1);
	loop_timer_arm(agent->clock_timer, -1);
	loop_timer_arm(agent->event_timer, -1);
	ttrpc_client_free(agent->client);
	agent->client = NULL;
	while (agent->orphans)
		call_finish(agent->orphans, TTRPC_UNAVAILABLE, agent->failure);
}

static void greeting_over(struct agent_client *agent, const struct err *err)
{
	if (agent->greeted)
		return;
	agent->greeted = true;
	loop_timer_arm(agent->boot_timer, -1);
	agent->callbacks.ready(agent->callbacks.ctx, err);
}

static void next_event(void *ctx);

static void event_arrived(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *response)
{
	struct agent_client *agent = ctx;
	const KataLike__Agent__V1__Event *event = (const void *)response;

	/* Any error ends the subscription: the connection is over, or the agent knows no events. */
	if (status->code != TTRPC_OK)
		return;
	if (event->kind == KATA_LIKE__AGENT__V1__EVENT__KIND__OOM)
		agent->callbacks.oom(agent->callbacks.ctx, event->container_id, event->oom_kills);
	/* Asked for at once, events without end would keep us busy. */
	if (ratelimit_allow(&agent->event_limit, clock_monotonic_ms(), NULL))
		next_event(agent);
	else
		loop_timer_arm(agent->event_timer, EVENT_PAUSE_MS);
}

static void next_event(void *ctx)
{
	struct agent_client *agent = ctx;
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;

	agent_client_call(agent, "NextEvent", &kata_like__agent__v1__event__descriptor,
			  &request.base, 0, event_arrived, agent);
}

static void clock_answered(void *ctx, const struct ttrpc_status *status,
			   const ProtobufCMessage *response)
{
	(void)ctx;
	(void)response;
	if (status->code != TTRPC_OK)
		log_debug("the guest's clock does not follow: %s", status->message);
}

/* Nothing in the guest corrects its clock, which drifts by what the host's is corrected by. */
static void tell_time(void *ctx)
{
	struct agent_client *agent = ctx;
	KataLike__Agent__V1__SetClockRequest request =
		KATA_LIKE__AGENT__V1__SET_CLOCK_REQUEST__INIT;
	KataLike__Timestamp now = KATA_LIKE__TIMESTAMP__INIT;
	struct timespec clock;

	if (agent->failure)
		return;
	loop_timer_arm(agent->clock_timer, CLOCK_INTERVAL_MS);
	if (clock_gettime(CLOCK_REALTIME, &clock) < 0)
		return;
	now.seconds = clock.tv_sec;
	now.nanos = (int32_t)clock.tv_nsec;
	request.now = &now;
	agent_client_call(agent, "SetClock", &kata_like__empty__descriptor, &request.base,
			  CLOCK_INTERVAL_MS, clock_answered, NULL);
}

static void sandbox_created(void *ctx, const struct ttrpc_status *status,
			    const ProtobufCMessage *response)
{
	struct agent_client *agent = ctx;
	const KataLike__Agent__V1__CreateSandboxResponse *sandbox = (const void *)response;
	struct err err = ERR_INIT;

	if (status->code == TTRPC_CANCELLED)
		return;
	if (status->code != TTRPC_OK) {
		(void)ttrpc_status_to_err(status, &err);
		(void)err_push(&err, "the guest's agent cannot set up the sandbox");
		greeting_over(agent, &err);
		return;
	}
	log_info("agent %s on Linux %s: %llu us from kernel entry to ready", sandbox->agent_version,
		 sandbox->kernel_release, (unsigned long long)(sandbox->kernel_to_ready_ns / 1000));
	next_event(agent);
	loop_timer_arm(agent->clock_timer, CLOCK_INTERVAL_MS);
	greeting_over(agent, &err);
}

static int greet(struct agent_client *agent, struct err *err)
{
	KataLike__Agent__V1__CreateSandboxRequest request =
		KATA_LIKE__AGENT__V1__CREATE_SANDBOX_REQUEST__INIT;
	KataLike__Timestamp now = KATA_LIKE__TIMESTAMP__INIT;
	uint8_t entropy[ENTROPY_BYTES];
	struct timespec clock;

	if (getrandom(entropy, sizeof(entropy), 0) != (ssize_t)sizeof(entropy))
		return err_set(err, errno, "cannot get entropy for the guest");
	if (clock_gettime(CLOCK_REALTIME, &clock) < 0)
		return err_set(err, errno, "cannot read the clock");
	now.seconds = clock.tv_sec;
	now.nanos = (int32_t)clock.tv_nsec;
	request.sandbox_id = agent->sandbox_id;
	request.cpus = agent->cpus;
	request.now = &now;
	request.entropy = (ProtobufCBinaryData){ sizeof(entropy), entropy };
	agent_client_call(agent, "CreateSandbox",
			  &kata_like__agent__v1__create_sandbox_response__descriptor, &request.base,
			  agent->timeout_ms, sandbox_created, agent);
	return 0;
}

static void connection_lost(void *ctx)
{
	struct agent_client *agent = ctx;

	agent->callbacks.lost(agent->callbacks.ctx);
}

static int connect_agent(struct agent_client *agent, struct err *err)
{
	int fd, r = vsock_link_connect(agent->link, VSOCK_PORT_AGENT, &fd, err);

	if (r == 0)
		r = ttrpc_client_new(agent->loop, fd, connection_lost, agent, &agent->client, err);
	return r == 0 ? greet(agent, err) : r;
}

static void agent_serves(void *ctx, int fd)
{
	struct agent_client *agent = ctx;
	struct err err = ERR_INIT;

	log_debug("the agent serves");
	if (fd >= 0)
		close(fd);
	agent->ready_listener = NULL;
	if (connect_agent(agent, &err) < 0)
		greeting_over(agent, &err);
}

static void boot_timed_out(void *ctx)
{
	struct agent_client *agent = ctx;
	struct err err = ERR_INIT;

	(void)err_say(&err, ETIMEDOUT,
		      agent->client ? "the guest's agent did not answer within %lld s"
				    : "the guest did not come up within %lld s",
		      (long long)(agent->timeout_ms / 1000));
	greeting_over(agent, &err);
}

int agent_client_new(struct loop *loop, struct vsock_link *link, const struct agent_hello *hello,
		     const struct agent_callbacks *callbacks, struct agent_client **ret_agent,
		     struct err *err)
{
	struct agent_client *agent = calloc(1, sizeof(*agent));
	int r = -ENOMEM;

	if (agent) {
		*agent = (struct agent_client){
			.loop = loop,
			.link = link,
			.callbacks = *callbacks,
			.sandbox_id = strdup(hello->sandbox_id),
			.cpus = hello->cpus,
			.timeout_ms = hello->timeout_ms,
			.event_limit = RATELIMIT_INIT(10, 1000),
		};
		r = loop_add_timer(loop, boot_timed_out, agent, &agent->boot_timer);
		if (r == 0)
			r = loop_add_timer(loop, tell_time, agent, &agent->clock_timer);
		if (r == 0)
			r = loop_add_timer(loop, next_event, agent, &agent->event_timer);
	}
	if (r == 0 && !hello->serves)
		r = vsock_link_listen(link, VSOCK_PORT_READY, agent_serves, agent,
				      &agent->ready_listener);
	if (r < 0 || !agent->sandbox_id) {
		agent_client_free(agent);
		return err_set(err, r < 0 ? -r : ENOMEM, "cannot wait for the guest's agent");
	}
	loop_timer_arm(agent->boot_timer, agent->timeout_ms);
	r = hello->serves ? connect_agent(agent, err) : 0;
	if (r < 0) {
		agent_client_free(agent);
		return r;
	}
	*ret_agent = agent;
	return 0;
}

int64_t agent_client_timeout_ms(const struct agent_client *agent)
{
	return agent->timeout_ms;
}

void agent_client_free(struct agent_client *agent)
{
	if (!agent)
		return;
	vsock_listener_free(agent->ready_listener);
	loop_source_free(agent->boot_timer);
	loop_source_free(agent->clock_timer);
	loop_source_free(agent->event_timer);
	ttrpc_client_free(agent->client);
	while (agent->orphans)
		call_finish(agent->orphans, TTRPC_CANCELLED, "the sandbox is shutting down");
	free(agent->failure);
	free(agent->sandbox_id);
	free(agent);
}
