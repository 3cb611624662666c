/* SPDX-License-Identifier: Apache-2.0 */
/* Create, Start, Wait and Shutdown. */
#include <signal.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "shim/creation.h"
#include "shim/events/task-events.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

static void created(void *ctx, struct container *container, const struct err *err)
{
	struct task_op *op = ctx;
	KataLike__Task__CreateTaskResponse response = KATA_LIKE__TASK__CREATE_TASK_RESPONSE__INIT;

	if (err->code != 0) {
		log_warn("cannot create container %s: %s", op->id, err_text(err));
		ttrpc_call_fail_err(op->call, err);
	} else {
		response.pid = (uint32_t)process_pid(container->init);
		task_event_created(op->shim->events, op->event, process_pid(container->init));
		ttrpc_call_reply(op->call, &response.base);
	}
	task_op_free(op);
}

void task_create(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__CreateTaskRequest *request = (const void *)message;
	struct task_op *op = task_op_new(ctx, call, request->id, "");

	if (!op)
		return;
	op->event = task_event_prepare(request);
	creation_start(ctx, request, created, op);
}

static void kill_answered(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *response)
{
	(void)ctx;
	(void)response;
	if (status->code != TTRPC_OK && status->code != TTRPC_NOT_FOUND)
		log_warn("cannot kill a container whose hooks failed: %s", status->message);
}

/* A container whose hooks of poststart fail is stopped (runtime-spec 1.2, "Lifecycle", 9). */
static void poststart_done(void *ctx, const struct err *err)
{
	struct task_op *op = ctx;
	struct container *container = task_op_container(op);
	KataLike__Task__StartResponse response = KATA_LIKE__TASK__START_RESPONSE__INIT;
	KataLike__Agent__V1__SignalProcessRequest request =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	if (err->code != 0) {
		ttrpc_call_fail_err(op->call, err);
		request.container_id = op->id;
		request.signal = SIGKILL;
		request.all = true;
		if (container && container->init->state == PROCESS_RUNNING)
			agent_client_call(container->agent, "SignalProcess",
					  &kata_like__empty__descriptor, &request.base,
					  TASK_TIMEOUT_MS, kill_answered, NULL);
	} else {
		if (container)
			response.pid = (uint32_t)process_pid(container->init);
		ttrpc_call_reply(op->call, &response.base);
	}
	if (container)
		container_start_answered(container);
	task_op_free(op);
}

static void run_poststart(struct task_op *op, struct container *container)
{
	struct shim *shim = op->shim;
	struct err err = ERR_INIT;

	if (!container || !hooks_has(container->hooks, HOOKS_POSTSTART) ||
	    hooks_run(container->hooks, shim->loop, HOOKS_POSTSTART, process_pid(container->init),
		      poststart_done, op, &err) < 0)
		poststart_done(op, &err);
}

static void started(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *answer)
{
	struct task_op *op = ctx;
	struct process *init = task_op_process(op);

	(void)answer;
	if (status->code == TTRPC_OK) {
		if (init && init->state == PROCESS_STARTING) {
			init->state = PROCESS_RUNNING;
			task_event_started(op->shim->events, init);
		}
		run_poststart(op, task_op_container(op));
		return;
	}
	if (init)
		task_start_failed(init, status->code);
	task_fail_status(op->call, status);
	if (init)
		container_start_answered(init->container);
	task_op_free(op);
}

/* What has changed in the pod's network since the VM was made is in the guest by now. */
static void network_settled(void *ctx, const struct err *err)
{
	struct task_op *op = ctx;
	struct process *init = task_op_process(op);
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct ttrpc_status failure = { TTRPC_FAILED_PRECONDITION, err_text(err) };

	if (err->code != 0) {
		started(op, &failure, NULL);
		return;
	}
	if (!init || init->state != PROCESS_STARTING) {
		failure.message = "the container is gone";
		started(op, &failure, NULL);
		return;
	}
	request.container_id = init->container->id;
	agent_client_call(init->container->agent, "StartContainer", &kata_like__empty__descriptor,
			  &request.base, agent_client_timeout_ms(init->container->agent), started,
			  op);
}

static void start_init(struct shim *shim, struct process *init, struct ttrpc_call *call)
{
	struct task_op *op = task_op_new(shim, call, init->container->id, "");

	if (!op)
		return;
	init->state = PROCESS_STARTING;
	init->container->starting = true;
	sandbox_settle_network(shim->sandbox, network_settled, op);
}

void task_start(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StartRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	if (process->state != PROCESS_CREATED || process->deleting)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "%s%s%s %s",
				process->container->id, *process->exec_id ? "/" : "",
				process->exec_id,
				process->state == PROCESS_STOPPED ? "has ended already"
								  : "was started already");
	else if (*process->exec_id)
		task_start_exec(ctx, process, call);
	else
		start_init(ctx, process, call);
}

static void process_ended(void *ctx, const struct process *process)
{
	struct ttrpc_call *call = ctx;
	KataLike__Task__WaitResponse response = KATA_LIKE__TASK__WAIT_RESPONSE__INIT;
	KataLike__Timestamp exited_at;

	task_timestamp(&process->exited_at, &exited_at);
	response.exit_status = process->exit_status;
	response.exited_at = &exited_at;
	response.oom_kills = process->oom_kills;
	ttrpc_call_reply(call, &response.base);
}

void task_wait(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__WaitRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);

	if (process && process_wait_exit(process, process_ended, call) < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static void shut_down(void *ctx)
{
	ttrpc_call_reply_empty(ctx);
}

void task_shutdown(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ShutdownRequest *request = (const void *)message;
	struct shim *shim = ctx;

	/* containerd asks after each task of a pod; the one after the last counts. What it made as
	 * a sandbox it also ends as one. */
	if ((shim->containers || shim->api) && !request->now)
		ttrpc_call_reply_empty(call);
	else if (shim_shut_down(shim, shut_down, call) < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
}
