/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's Sandbox service.
 *
 *	(nothing) -> CREATED -> STARTING -> READY -> ENDED
 *
 * ENDED is reached from any state but the first when the VM is stopped or fails.
 */
#include "shim/sandbox-api/service.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "lib/settings/settings.h"
#include "proto/task-api.h"
#include "sandbox.pb-c.h"
#include "shim/creation.h"
#include "shim/pod-settings.h"
#include "shim/sandbox-api/metrics.h"
#include "shim/sandbox-api/spec.h"
#include "shim/shim.h"
#include "shim/task/task.h"

#define SANDBOX_SERVICE "containerd.runtime.sandbox.v1.Sandbox"
#define STATE_READY	"SANDBOX_READY"
#define STATE_NOT_READY "SANDBOX_NOTREADY"
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#endif

enum api_state {
	API_CREATED,
	API_STARTING,
	API_READY,
	API_ENDED,
};

struct api_waiter {
	struct api_waiter *next;
	struct ttrpc_call *call;
};

struct sandbox_api {
	struct shim *shim;
	enum api_state state;
	struct settings settings;
	struct holder *holder; /* the pid that is told; NULL at the end */
	pid_t pid;
	struct timespec created_at, exited_at;
	uint32_t exit_status;
	struct ttrpc_call *start_call, *stop_call; /* being answered; NULL for none */
	struct api_waiter *waiters;
};

/* The sandbox of a request; NULL when it is none of ours, and the call is then answered. */
static struct sandbox_api *find(struct shim *shim, struct ttrpc_call *call, const char *id)
{
	if (shim->api && strcmp(id, shim->state.id) == 0)
		return shim->api;
	ttrpc_call_fail(call, TTRPC_NOT_FOUND, "sandbox %.100s does not exist", id);
	return NULL;
}

/* Somebody signalled the process that stands for the sandbox: only its end means anything. */
static void signalled(void *ctx, int signal_number)
{
	struct sandbox_api *api = ctx;

	log_info("the sandbox's process got signal %d", signal_number);
	if (signal_number == SIGKILL)
		(void)shim_shut_down(api->shim, NULL, NULL);
}

static int set_up(struct sandbox_api *api, const KataLike__Sandbox__CreateSandboxRequest *request,
		  struct err *err)
{
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	struct shim *shim = api->shim;
	struct holder_config config;
	int r = sandbox_spec(request, &spec, err);

	if (r == 0)
		r = place_take(&shim->place, spec, &shim->state, err);
	if (r == 0)
		r = pod_settings_make(request->options, spec, &api->settings, err);
	if (r < 0)
		return r;
	config = (struct holder_config){ shim->place.netns_fd, shim->place.cgroup_fd };
	r = holder_new(shim->loop, &config, signalled, api, &api->holder, err);
	if (r == 0)
		api->pid = holder_pid(api->holder);
	return r;
}

static void create(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__CreateSandboxRequest *request = (const void *)message;
	struct shim *shim = ctx;
	struct err err = ERR_INIT;

	if (strcmp(request->sandbox_id, shim->state.id) != 0) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "this is the shim of sandbox %s",
				shim->state.id);
		return;
	}
	/* A container that is being made brings a VM, or has one made. */
	if (shim->api || shim->containers || sandbox_state(shim->sandbox) != SANDBOX_NOTHING ||
	    shim->stopping) {
		ttrpc_call_fail(call, TTRPC_ALREADY_EXISTS, "sandbox %s exists already",
				shim->state.id);
		return;
	}
	shim->api = calloc(1, sizeof(*shim->api));
	if (!shim->api) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	shim->api->shim = shim;
	if (set_up(shim->api, request, &err) < 0 ||
	    clock_gettime(CLOCK_REALTIME, &shim->api->created_at) < 0) {
		sandbox_api_free(shim->api);
		shim->api = NULL;
		ttrpc_call_fail_err(call, &err);
		return;
	}
	loop_timer_arm(shim->idle_timer, -1);
	ttrpc_call_reply_empty(call);
}

static void start(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	struct sandbox_api *api = find(ctx, call, request->sandbox_id);
	struct err err = ERR_INIT;

	if (!api)
		return;
	if (api->state != API_CREATED) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "sandbox %s was started already",
				request->sandbox_id);
		return;
	}
	if (creation_boot_sandbox(api->shim, &api->settings, &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	api->state = API_STARTING;
	api->start_call = call;
}

int sandbox_api_check_member(const struct sandbox_api *api, struct err *err)
{
	if (!api || api->state != API_CREATED)
		return 0;
	return err_say(err, EBUSY, "sandbox %s is to be started before its containers are made",
		       api->shim->state.id);
}

void sandbox_api_booted(struct sandbox_api *api, const struct err *err)
{
	KataLike__Sandbox__StartSandboxResponse response =
		KATA_LIKE__SANDBOX__START_SANDBOX_RESPONSE__INIT;
	KataLike__Timestamp created_at;
	struct ttrpc_call *call;

	if (!api || !api->start_call)
		return;
	call = TAKE_PTR(api->start_call);
	if (err->code != 0) {
		ttrpc_call_fail_err(call, err);
		return;
	}
	api->state = API_READY;
	task_timestamp(&api->created_at, &created_at);
	response.pid = (uint32_t)api->pid;
	response.created_at = &created_at;
	ttrpc_call_reply(call, &response.base);
}

static void reply_ended(const struct sandbox_api *api, struct ttrpc_call *call)
{
	KataLike__Sandbox__WaitSandboxResponse response =
		KATA_LIKE__SANDBOX__WAIT_SANDBOX_RESPONSE__INIT;
	KataLike__Timestamp exited_at;

	task_timestamp(&api->exited_at, &exited_at);
	response.exit_status = api->exit_status;
	response.exited_at = &exited_at;
	ttrpc_call_reply(call, &response.base);
}

void sandbox_api_gone(struct sandbox_api *api, uint32_t exit_status)
{
	if (!api || api->state == API_ENDED)
		return;
	api->state = API_ENDED;
	api->exit_status = exit_status;
	(void)clock_gettime(CLOCK_REALTIME, &api->exited_at);
	holder_end(TAKE_PTR(api->holder), exit_status);
	while (api->waiters) {
		struct api_waiter *waiter = api->waiters;

		api->waiters = waiter->next;
		reply_ended(api, waiter->call);
		free(waiter);
	}
}

static void wait_for_end(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	struct sandbox_api *api = find(ctx, call, request->sandbox_id);
	struct api_waiter *waiter;

	if (!api)
		return;
	if (api->state == API_ENDED) {
		reply_ended(api, call);
		return;
	}
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*waiter = (struct api_waiter){ api->waiters, call };
	api->waiters = waiter;
}

static void stopped(void *ctx)
{
	struct sandbox_api *api = ctx;
	struct ttrpc_call *call = TAKE_PTR(api->stop_call);

	/* One that never had a VM ends here. */
	sandbox_api_gone(api, 0);
	ttrpc_call_reply_empty(call);
}

static void stop(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	struct sandbox_api *api = find(ctx, call, request->sandbox_id);

	if (!api)
		return;
	if (api->stop_call || api->shim->stopping) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "sandbox %s is being stopped",
				request->sandbox_id);
		return;
	}
	api->stop_call = call;
	creation_cancel_boot(api->shim);
	sandbox_stop(api->shim->sandbox, stopped, api);
}

static void shut_down_done(void *ctx)
{
	ttrpc_call_reply_empty(ctx);
}

static void shut_down(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	struct sandbox_api *api = find(ctx, call, request->sandbox_id);

	if (api && shim_shut_down(ctx, shut_down_done, call) < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static void platform(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	KataLike__Sandbox__PlatformResponse response = KATA_LIKE__SANDBOX__PLATFORM_RESPONSE__INIT;
	KataLike__Sandbox__Platform guest = KATA_LIKE__SANDBOX__PLATFORM__INIT;

	(void)ctx;
	(void)message;
	guest.os = (char *)"linux";
	guest.architecture = (char *)ARCHITECTURE;
	response.platform = &guest;
	ttrpc_call_reply(call, &response.base);
}

static void status(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	const struct sandbox_api *api = find(ctx, call, request->sandbox_id);
	KataLike__Sandbox__SandboxStatusResponse response =
		KATA_LIKE__SANDBOX__SANDBOX_STATUS_RESPONSE__INIT;
	KataLike__Timestamp created_at, exited_at;

	if (!api)
		return;
	task_timestamp(&api->created_at, &created_at);
	task_timestamp(&api->exited_at, &exited_at);
	response.sandbox_id = request->sandbox_id;
	response.pid = (uint32_t)api->pid;
	response.state = (char *)(api->state == API_READY ? STATE_READY : STATE_NOT_READY);
	response.created_at = &created_at;
	if (api->state == API_ENDED)
		response.exited_at = &exited_at;
	ttrpc_call_reply(call, &response.base);
}

static void ping(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	const struct sandbox_api *api = find(ctx, call, request->sandbox_id);

	if (!api)
		return;
	if (api->state == API_READY)
		ttrpc_call_reply_empty(call);
	else
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "the VM of sandbox %s does not run",
				request->sandbox_id);
}

static void metrics(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Sandbox__SandboxRequest *request = (const void *)message;
	const struct sandbox_api *api = find(ctx, call, request->sandbox_id);
	KataLike__Sandbox__SandboxMetricsResponse response =
		KATA_LIKE__SANDBOX__SANDBOX_METRICS_RESPONSE__INIT;
	KataLike__Sandbox__Metric metric = KATA_LIKE__SANDBOX__METRIC__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	KataLike__Timestamp now_message;
	struct err err = ERR_INIT;
	struct timespec now;

	if (!api)
		return;
	if (!*api->shim->place.cgroup) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION,
				"the pod has no cgroup of its own on this host");
		return;
	}
	if (metrics_of_cgroup(api->shim->place.cgroup, &packed, &any.value.len, &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	task_timestamp(&now, &now_message);
	any.type_url = (char *)TASK_TYPE_METRICS;
	any.value.data = packed;
	metric.timestamp = &now_message;
	metric.id = request->sandbox_id;
	metric.data = &any;
	response.metrics = &metric;
	ttrpc_call_reply(call, &response.base);
}

#define ROW(method, handler, request_type, response_type)                           \
	{                                                                           \
		method, handler, &kata_like__sandbox__##request_type##__descriptor, \
			&kata_like__##response_type##__descriptor                   \
	}

static const struct ttrpc_method methods[] = {
	ROW("CreateSandbox", create, create_sandbox_request, empty),
	ROW("StartSandbox", start, sandbox_request, sandbox__start_sandbox_response),
	ROW("Platform", platform, sandbox_request, sandbox__platform_response),
	ROW("StopSandbox", stop, sandbox_request, empty),
	ROW("WaitSandbox", wait_for_end, sandbox_request, sandbox__wait_sandbox_response),
	ROW("SandboxStatus", status, sandbox_request, sandbox__sandbox_status_response),
	ROW("PingSandbox", ping, sandbox_request, empty),
	ROW("ShutdownSandbox", shut_down, sandbox_request, empty),
	ROW("SandboxMetrics", metrics, sandbox_request, sandbox__sandbox_metrics_response),
};

static const struct ttrpc_service service = { SANDBOX_SERVICE, methods, ARRAY_SIZE(methods) };

int sandbox_api_register(struct shim *shim)
{
	return ttrpc_server_add_service(shim->server, &service, shim);
}

void sandbox_api_free(struct sandbox_api *api)
{
	if (!api)
		return;
	sandbox_api_gone(api, PROCESS_STATUS_KILLED);
	holder_end(api->holder, PROCESS_STATUS_KILLED);
	free(api);
}
