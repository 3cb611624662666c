/* SPDX-License-Identifier: Apache-2.0 */
/* ResizePty and CloseIO. */
#include "agent.pb-c.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

void task_resize_pty(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ResizePtyRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);
	KataLike__Agent__V1__ResizeTerminalRequest forward =
		KATA_LIKE__AGENT__V1__RESIZE_TERMINAL_REQUEST__INIT;

	if (!process)
		return;
	if (!process->terminal) {
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "%s%s%s has no terminal",
				request->id, *request->exec_id ? "/" : "", request->exec_id);
		return;
	}
	if (process->state == PROCESS_STOPPED) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "process already finished");
		return;
	}
	/* The guest hears of an exec, and makes its terminal, at its start. */
	if (*request->exec_id && process->state != PROCESS_RUNNING) {
		process->columns = request->width;
		process->rows = request->height;
		ttrpc_call_reply_empty(call);
		return;
	}
	forward.container_id = process->container->id;
	forward.exec_id = process->exec_id;
	forward.columns = request->width;
	forward.rows = request->height;
	task_forward(process->container, call, "ResizeTerminal", &forward.base);
}

void task_close_io(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__CloseIORequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	/* The process sees the end behind the bytes that are still under way, not before them. */
	if (request->stdin && process->stdio)
		stdio_close_stdin(process->stdio);
	else if (request->stdin)
		process->stdin_closed = true;
	ttrpc_call_reply_empty(call);
}
