/* SPDX-License-Identifier: Apache-2.0 */
/* Exec, and the start of what it added. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "lib/paths.h"
#include "proto/task-api.h"
#include "shim/events/task-events.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

static int check_exec(const KataLike__Task__ExecProcessRequest *request, struct err *err)
{
	int r = paths_check_id("exec", request->exec_id, err);

	if (r < 0)
		return r;
	if (!request->spec || strcmp(request->spec->type_url, TASK_TYPE_PROCESS) != 0)
		return err_say(err, EINVAL, "spec is \"%.200s\", not " TASK_TYPE_PROCESS,
			       request->spec ? request->spec->type_url : "");
	return 0;
}

static int add_exec(struct shim *shim, struct container *container,
		    const KataLike__Task__ExecProcessRequest *request, struct err *err)
{
	struct process_io io = { request->terminal, request->stdin, request->stdout,
				 request->stderr };
	struct process *process;
	_cleanup_free_ uint8_t *spec = malloc(request->spec->value.len + 1);
	int r;

	if (!spec)
		return err_set(err, ENOMEM, "cannot add a process");
	if (request->spec->value.len > 0)
		memcpy(spec, request->spec->value.data, request->spec->value.len);
	r = container_add_exec(container, request->exec_id, &io, &process);
	if (r == -EEXIST)
		return err_say(err, EEXIST, "process %s exists already in %s", request->exec_id,
			       container->id);
	if (r < 0)
		return err_set(err, -r, "cannot add a process");
	process->spec = TAKE_PTR(spec);
	process->spec_len = request->spec->value.len;
	task_event_exec_added(shim->events, process);
	return 0;
}

void task_exec(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ExecProcessRequest *request = (const void *)message;
	struct container *container = task_find_container(ctx, call, request->id);
	struct err err = ERR_INIT;

	if (!container)
		return;
	if (container->init->state == PROCESS_STOPPED || container->init_over)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "container %s is not running",
				container->id);
	else if (check_exec(request, &err) < 0 || add_exec(ctx, container, request, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

static void resized(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	(void)ctx;
	(void)response;
	if (status->code != TTRPC_OK)
		log_debug("cannot set the terminal's size: %s", status->message);
}

/* The size that was asked for before there was a terminal. */
static void resize_late(const struct process *process)
{
	KataLike__Agent__V1__ResizeTerminalRequest request =
		KATA_LIKE__AGENT__V1__RESIZE_TERMINAL_REQUEST__INIT;

	request.container_id = process->container->id;
	request.exec_id = process->exec_id;
	request.columns = process->columns;
	request.rows = process->rows;
	agent_client_call(process->container->agent, "ResizeTerminal",
			  &kata_like__empty__descriptor, &request.base, TASK_TIMEOUT_MS, resized,
			  NULL);
}

static void exec_started(void *ctx, const struct ttrpc_status *status,
			 const ProtobufCMessage *answer)
{
	struct task_op *op = ctx;
	struct process *process = task_op_process(op);
	KataLike__Task__StartResponse response = KATA_LIKE__TASK__START_RESPONSE__INIT;

	(void)answer;
	if (status->code != TTRPC_OK) {
		if (process)
			task_start_failed(process, status->code);
		task_fail_status(op->call, status);
		task_op_free(op);
		return;
	}
	if (process && process->state == PROCESS_STARTING) {
		process->state = PROCESS_RUNNING;
		response.pid = (uint32_t)process_pid(process);
		task_event_started(op->shim->events, process);
		if (process->columns && process->terminal)
			resize_late(process);
		if (container_watch(process) < 0)
			container_process_over(process->container, process, PROCESS_STATUS_LOST);
	}
	ttrpc_call_reply(op->call, &response.base);
	task_op_free(op);
}

void task_start_exec(struct shim *shim, struct process *process, struct ttrpc_call *call)
{
	KataLike__Agent__V1__ExecProcessRequest request =
		KATA_LIKE__AGENT__V1__EXEC_PROCESS_REQUEST__INIT;
	KataLike__Agent__V1__Stdio stdio = KATA_LIKE__AGENT__V1__STDIO__INIT;
	struct container *container = process->container;
	struct err err = ERR_INIT;
	struct task_op *op;

	if (shim_open_stdio(shim, process, &err) < 0 ||
	    shim_hold_process(shim, process, &err) < 0) {
		task_start_failed(process, TTRPC_INVALID_ARGUMENT);
		ttrpc_call_fail_err(call, &err);
		return;
	}
	op = task_op_new(shim, call, container->id, process->exec_id);
	if (!op) {
		container_process_over(container, process, PROCESS_STATUS_LOST);
		return;
	}
	process->state = PROCESS_STARTING;
	process_describe_stdio(process, &stdio);
	request.container_id = container->id;
	request.exec_id = process->exec_id;
	request.process_json = (ProtobufCBinaryData){ process->spec_len, process->spec };
	request.stdio = &stdio;
	agent_client_call(container->agent, "ExecProcess",
			  &kata_like__agent__v1__exec_process_response__descriptor, &request.base,
			  agent_client_timeout_ms(container->agent), exec_started, op);
}
