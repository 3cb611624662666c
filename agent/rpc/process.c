/* SPDX-License-Identifier: Apache-2.0 */
/* The processes' methods. */
#include <errno.h>
#include <signal.h>

#include "agent/rpc/handlers.h"
#include "common.pb-c.h"

static void on_exec_done(void *ctx, const struct err *err, pid_t pid)
{
	KataLike__Agent__V1__ExecProcessResponse response =
		KATA_LIKE__AGENT__V1__EXEC_PROCESS_RESPONSE__INIT;
	struct ttrpc_call *call = ctx;

	if (err) {
		ttrpc_call_fail_err(call, err);
		return;
	}
	response.pid = (uint32_t)pid;
	ttrpc_call_reply(call, &response.base);
}

void rpc_exec_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ExecProcessRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct stdio_outside outside = STDIO_OUTSIDE_NONE;
	struct oci_process_doc *doc = NULL;
	struct err err = ERR_INIT;
	int r;

	if (!container)
		return;
	r = oci_process_parse((const char *)request->process_json.data, request->process_json.len,
			      &doc, &err);
	if (r == 0 && request->stdio)
		doc->process.terminal = request->stdio->terminal;
	if (r == 0)
		r = rpc_connect_stdio(ctx, request->stdio, &outside, &err);
	/* The child has a copy of the process object by then. */
	if (r == 0)
		r = container_exec(container, request->exec_id, &doc->process, &outside,
				   on_exec_done, call, &err);
	oci_process_free(doc);
	if (r < 0)
		ttrpc_call_fail_err(call, &err);
}

void rpc_delete_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ProcessRequest *request = (const void *)message;
	struct process *process =
		rpc_find_process(ctx, call, request->container_id, request->exec_id);

	if (!process)
		return;
	if (!*request->exec_id)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "the init goes with its container");
	else if (container_remove_exec(process->container, process) < 0)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "exec %s has not ended",
				request->exec_id);
	else
		ttrpc_call_reply_empty(call);
}

void rpc_signal_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__SignalProcessRequest *request = (const void *)message;
	struct process *process =
		rpc_find_process(ctx, call, request->container_id, request->exec_id);
	struct err err = ERR_INIT;
	int r;

	if (!process)
		return;
	if (request->signal >= NSIG) {
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "there is no signal %u",
				request->signal);
		return;
	}
	if (request->all)
		r = container_signal_all(process->container, (int)request->signal);
	else
		r = process_signal(process, (int)request->signal);
	if (r == -ESRCH) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
		return;
	}
	if (r < 0) {
		err_set(&err, -r, "cannot signal container %s", request->container_id);
		ttrpc_call_fail_err(call, &err);
		return;
	}
	ttrpc_call_reply_empty(call);
}

static void on_process_exit(void *ctx, const struct process_exit *exit)
{
	KataLike__Agent__V1__WaitProcessResponse response =
		KATA_LIKE__AGENT__V1__WAIT_PROCESS_RESPONSE__INIT;
	KataLike__Timestamp at = KATA_LIKE__TIMESTAMP__INIT;
	struct ttrpc_call *call = ctx;

	at.seconds = exit->at.tv_sec;
	at.nanos = (int32_t)exit->at.tv_nsec;
	response.exit_status = (uint32_t)exit->status;
	response.exited_at = &at;
	response.oom_kills = exit->oom_kills;
	ttrpc_call_reply(call, &response.base);
}

void rpc_wait_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ProcessRequest *request = (const void *)message;
	struct process *process =
		rpc_find_process(ctx, call, request->container_id, request->exec_id);

	if (process && process_wait(process, on_process_exit, call) < 0)
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory for another waiter");
}

void rpc_resize_terminal(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ResizeTerminalRequest *request = (const void *)message;
	struct process *process =
		rpc_find_process(ctx, call, request->container_id, request->exec_id);

	if (!process)
		return;
	if (request->columns > UINT16_MAX || request->rows > UINT16_MAX)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "no terminal is so large");
	else if (stdio_resize(process->stdio, request->columns, request->rows) < 0)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "the process has no terminal");
	else
		ttrpc_call_reply_empty(call);
}

/*
 * The end of stdin travels in its stream, behind the last byte, so that none is lost; this call
 * only tells the shim whether there is anybody to see it.
 */
void rpc_close_stdin(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ProcessRequest *request = (const void *)message;

	if (rpc_find_process(ctx, call, request->container_id, request->exec_id))
		ttrpc_call_reply_empty(call);
}
