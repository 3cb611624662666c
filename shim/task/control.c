/* SPDX-License-Identifier: Apache-2.0 */
/* Kill, Pause, Resume, Update and Checkpoint. */
#include <signal.h>
#include <string.h>

#include "agent.pb-c.h"
#include "proto/task-api.h"
#include "shim/events/task-events.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

void task_kill(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__KillRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);
	KataLike__Agent__V1__SignalProcessRequest forward =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	if (!process)
		return;
	if (process->state == PROCESS_STOPPED) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
		return;
	}
	if (process->state == PROCESS_CREATED && *process->exec_id) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "process %s was not started yet",
				process->exec_id);
		return;
	}
	if (request->signal >= (uint32_t)NSIG) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "there is no signal %u",
				request->signal);
		return;
	}
	forward.container_id = process->container->id;
	forward.exec_id = process->exec_id;
	/* A container that was not started ends by any signal: the agent sees to that. */
	forward.signal = request->signal;
	forward.all = request->all;
	task_forward(process->container, call, "SignalProcess", &forward.base);
}

static void pause_answered(struct task_op *op, const struct ttrpc_status *status, bool paused)
{
	struct container *container = task_op_container(op);

	if (status->code != TTRPC_OK) {
		task_fail_status(op->call, status);
	} else {
		if (container && container->init->state == PROCESS_RUNNING)
			container->paused = paused;
		task_event_paused(op->shim->events, op->id, paused);
		ttrpc_call_reply_empty(op->call);
	}
	task_op_free(op);
}

static void paused(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	(void)response;
	pause_answered(ctx, status, true);
}

static void resumed(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	(void)response;
	pause_answered(ctx, status, false);
}

static void pause_or_resume(struct shim *shim, struct ttrpc_call *call, const char *id, bool pause)
{
	struct container *container = task_find_container(shim, call, id);
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct task_op *op;

	if (!container)
		return;
	if (container->init->state != PROCESS_RUNNING || container->paused == pause) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "container %s is %s", id,
				container->init->state != PROCESS_RUNNING ? "not running"
				: pause					  ? "paused already"
									  : "not paused");
		return;
	}
	op = task_op_new(shim, call, id, "");
	if (!op)
		return;
	request.container_id = container->id;
	agent_client_call(container->agent, pause ? "PauseContainer" : "ResumeContainer",
			  &kata_like__empty__descriptor, &request.base, TASK_TIMEOUT_MS,
			  pause ? paused : resumed, op);
}

void task_pause(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__PauseRequest *request = (const void *)message;

	pause_or_resume(ctx, call, request->id, true);
}

void task_resume(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ResumeRequest *request = (const void *)message;

	pause_or_resume(ctx, call, request->id, false);
}

void task_update(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__UpdateTaskRequest *request = (const void *)message;
	struct container *container = task_find_container(ctx, call, request->id);
	KataLike__Agent__V1__UpdateContainerRequest forward =
		KATA_LIKE__AGENT__V1__UPDATE_CONTAINER_REQUEST__INIT;

	if (!container)
		return;
	if (!request->resources || strcmp(request->resources->type_url, TASK_TYPE_RESOURCES) != 0) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT,
				"resources are \"%.200s\", not " TASK_TYPE_RESOURCES,
				request->resources ? request->resources->type_url : "");
		return;
	}
	if (container->init->state == PROCESS_STOPPED) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "container %s is not running",
				request->id);
		return;
	}
	forward.container_id = container->id;
	forward.resources_json = request->resources->value;
	task_forward(container, call, "UpdateContainer", &forward.base);
}

void task_checkpoint(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	(void)ctx;
	(void)message;
	ttrpc_call_fail(call, TTRPC_UNIMPLEMENTED,
			"a container in a VM cannot be checkpointed before VMs can be saved");
}
