/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Task methods, and what their groups share. */
#include "shim/task/service.h"

#include <stdlib.h>
#include <string.h>

#include "agent.pb-c.h"
#include "proto/task-api.h"
#include "shim/events/task-events.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

/* What a shell reports for a command that it cannot find, or cannot execute. */
#define STATUS_NOT_FOUND      127u
#define STATUS_NOT_EXECUTABLE 126u

#define ROW(method, handler, request_type, response_type)                  \
	{                                                                  \
		method, handler, &kata_like__##request_type##__descriptor, \
			&kata_like__##response_type##__descriptor          \
	}

static const struct ttrpc_method methods[] = {
	ROW("State", task_state, task__state_request, task__state_response),
	ROW("Create", task_create, task__create_task_request, task__create_task_response),
	ROW("Start", task_start, task__start_request, task__start_response),
	ROW("Delete", task_delete, task__delete_request, task__delete_response),
	ROW("Pids", task_pids, task__pids_request, task__pids_response),
	ROW("Pause", task_pause, task__pause_request, empty),
	ROW("Resume", task_resume, task__resume_request, empty),
	ROW("Checkpoint", task_checkpoint, task__checkpoint_task_request, empty),
	ROW("Kill", task_kill, task__kill_request, empty),
	ROW("Exec", task_exec, task__exec_process_request, empty),
	ROW("ResizePty", task_resize_pty, task__resize_pty_request, empty),
	ROW("CloseIO", task_close_io, task__close_iorequest, empty),
	ROW("Update", task_update, task__update_task_request, empty),
	ROW("Wait", task_wait, task__wait_request, task__wait_response),
	ROW("Stats", task_stats, task__stats_request, task__stats_response),
	ROW("Connect", task_connect, task__connect_request, task__connect_response),
	ROW("Shutdown", task_shutdown, task__shutdown_request, empty),
};

/* Beside containerd's API: what only our own command line asks for. */
static const struct ttrpc_method own_methods[] = {
	ROW(SHIM_METHOD_LIST_PROCESSES, task_list_processes, agent__v1__container_request,
	    agent__v1__list_processes_response),
};

static const struct ttrpc_service services[] = {
	{ TASK_SERVICE_V2, methods, ARRAY_SIZE(methods) },
	{ TASK_SERVICE_V3, methods, ARRAY_SIZE(methods) },
	{ SHIM_SERVICE, own_methods, ARRAY_SIZE(own_methods) },
};

int task_service_register(struct shim *shim)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		int r = ttrpc_server_add_service(shim->server, &services[i], shim);

		if (r < 0)
			return r;
	}
	return 0;
}

struct container *task_find_container(struct shim *shim, struct ttrpc_call *call, const char *id)
{
	struct container *container = shim_find(shim, id, false);

	if (!container)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "container %.100s does not exist", id);
	return container;
}

struct process *task_find_process(struct shim *shim, struct ttrpc_call *call, const char *id,
				  const char *exec_id)
{
	struct container *container = task_find_container(shim, call, id);
	struct process *process;

	if (!container)
		return NULL;
	process = container_process(container, exec_id);
	if (!process)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process %.100s does not exist in %s",
				exec_id, container->id);
	return process;
}

void task_start_failed(struct process *process, enum ttrpc_code code)
{
	container_process_over(process->container, process,
			       code == TTRPC_NOT_FOUND	   ? STATUS_NOT_FOUND
			       : code == TTRPC_UNAVAILABLE ? PROCESS_STATUS_LOST
							   : STATUS_NOT_EXECUTABLE);
}

void task_fail_status(struct ttrpc_call *call, const struct ttrpc_status *status)
{
	ttrpc_call_fail(call, status->code, "%s", status->message);
}

static void forwarded(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	struct ttrpc_call *call = ctx;

	(void)response;
	if (status->code == TTRPC_OK)
		ttrpc_call_reply_empty(call);
	else
		task_fail_status(call, status);
}

void task_forward(struct container *container, struct ttrpc_call *call, const char *method,
		  const ProtobufCMessage *request)
{
	agent_client_call(container->agent, method, &kata_like__empty__descriptor, request,
			  TASK_TIMEOUT_MS, forwarded, call);
}

void task_timestamp(const struct timespec *when, KataLike__Timestamp *ret_timestamp)
{
	kata_like__timestamp__init(ret_timestamp);
	ret_timestamp->seconds = when->tv_sec;
	ret_timestamp->nanos = (int32_t)when->tv_nsec;
}

struct task_op *task_op_new(struct shim *shim, struct ttrpc_call *call, const char *id,
			    const char *exec_id)
{
	struct task_op *op = calloc(1, sizeof(*op));

	if (op)
		*op = (struct task_op){ shim, call, strdup(id), strdup(exec_id), NULL };
	if (op && op->id && op->exec_id)
		return op;
	task_op_free(op);
	ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	return NULL;
}

void task_op_free(struct task_op *op)
{
	if (!op)
		return;
	free(op->id);
	free(op->exec_id);
	task_event_free(op->event);
	free(op);
}

struct container *task_op_container(const struct task_op *op)
{
	return shim_find(op->shim, op->id, false);
}

struct process *task_op_process(const struct task_op *op)
{
	struct container *container = task_op_container(op);

	return container ? container_process(container, op->exec_id) : NULL;
}
