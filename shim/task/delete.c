/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete: a process that never ran is killed first, output under way gets a little time, the guest
 * forgets the process, then we do.
 *
 *	begin -> (exit) -> (drained, or late) -> (agent) -> (storage) -> (poststop hooks) -> finish
 */
#include <signal.h>
#include <stdlib.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "shim/events/task-events.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

/* Clients read to the end of stdout before they delete; one that does not loses what it did not
 * read. Longer than a stalled guest has (stdio_drain). */
#define DRAIN_TIMEOUT_MS 6000
/* A process that was killed and of which the agent tells nothing. */
#define KILL_TIMEOUT_MS 5000

struct deletion {
	struct task_op *op;
	struct process *process; /* NULL when its container, or the shim's end, took it along */
	struct loop_source *timer;
	bool exited;
};

static void deletion_free(struct deletion *deletion)
{
	loop_source_free(deletion->timer);
	task_op_free(deletion->op);
	free(deletion);
}

/* Whether the process was taken along; then the deletion is over. */
static bool was_overtaken(struct deletion *deletion)
{
	const struct task_op *op = deletion->op;

	if (deletion->process)
		return false;
	ttrpc_call_fail(op->call, TTRPC_NOT_FOUND, "%s%s%s is gone already", op->id,
			*op->exec_id ? "/" : "", op->exec_id);
	deletion_free(deletion);
	return true;
}

static void finish(struct deletion *deletion)
{
	struct process *process = deletion->process;
	struct container *container = process->container;
	struct shim *shim = deletion->op->shim;
	KataLike__Task__DeleteResponse response = KATA_LIKE__TASK__DELETE_RESPONSE__INIT;
	KataLike__Timestamp exited_at;

	task_timestamp(&process->exited_at, &exited_at);
	response.pid = (uint32_t)process_pid(process);
	response.exit_status = process->exit_status;
	response.exited_at = &exited_at;
	response.failure = (char *)(uintptr_t)process_failure(process);
	if (process == container->init)
		task_event_deleted(shim->events, process);
	ttrpc_call_reply(deletion->op->call, &response.base);
	process->deleting = NULL;
	deletion_free(deletion);
	if (process == container->init)
		shim_remove_container(shim, container);
	else
		container_remove_exec(container, process);
}

static void poststop_done(void *ctx, const struct err *err)
{
	struct deletion *deletion = ctx;

	if (err->code != 0)
		log_warn("%s: %s", deletion->op->id, err_text(err));
	finish(deletion);
}

static void run_poststop(void *ctx)
{
	struct deletion *deletion = ctx;
	struct shim *shim = deletion->op->shim;
	struct container *container;
	struct err err = ERR_INIT;

	if (was_overtaken(deletion))
		return;
	container = deletion->process->container;
	if (deletion->process != container->init || !hooks_has(container->hooks, HOOKS_POSTSTOP) ||
	    hooks_run(container->hooks, shim->loop, HOOKS_POSTSTOP, 0, poststop_done, deletion,
		      &err) < 0)
		poststop_done(deletion, &err);
}

static void agent_forgot(void *ctx, const struct ttrpc_status *status,
			 const ProtobufCMessage *response)
{
	struct deletion *deletion = ctx;

	(void)response;
	/* Whatever it says, the client is to be rid of it. */
	if (status->code != TTRPC_OK && status->code != TTRPC_UNAVAILABLE &&
	    status->code != TTRPC_NOT_FOUND)
		log_warn("the guest cannot delete %s/%s: %s", deletion->op->id,
			 deletion->op->exec_id, status->message);
	if (was_overtaken(deletion))
		return;
	/*
	 * Whoever gave it the files may be waiting to take them away. With the last container they
	 * go with the VM, which ends next: one by one would take longer.
	 */
	if (deletion->process == deletion->process->container->init &&
	    !shim_ends_with(deletion->op->shim, deletion->process->container))
		storage_release(deletion->op->shim->storage, deletion->op->id, run_poststop,
				deletion);
	else
		run_poststop(deletion);
}

static void have_agent_forget(struct deletion *deletion)
{
	struct container *container = deletion->process->container;
	KataLike__Agent__V1__ContainerRequest of_container =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	KataLike__Agent__V1__ProcessRequest of_process =
		KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	bool init = deletion->process == container->init;

	process_forget_waiter(deletion->process, deletion);
	loop_timer_arm(deletion->timer, -1);
	of_container.container_id = container->id;
	of_process.container_id = container->id;
	of_process.exec_id = deletion->process->exec_id;
	agent_client_call(container->agent, init ? "DeleteContainer" : "DeleteProcess",
			  &kata_like__empty__descriptor,
			  init ? &of_container.base : &of_process.base, TASK_TIMEOUT_MS,
			  agent_forgot, deletion);
}

/* What calls this is still busy with the process, which the next step may free: so by the timer. */
static void drained(void *ctx, const struct process *process)
{
	struct deletion *deletion = ctx;

	(void)process;
	loop_timer_arm(deletion->timer, 0);
}

static void exited(void *ctx, const struct process *process)
{
	struct deletion *deletion = ctx;

	(void)process;
	deletion->exited = true;
	loop_timer_arm(deletion->timer, DRAIN_TIMEOUT_MS);
	if (process_wait_drained(deletion->process, drained, deletion) < 0)
		loop_timer_arm(deletion->timer, 0);
}

static void drained_or_late(void *ctx)
{
	struct deletion *deletion = ctx;

	if (was_overtaken(deletion))
		return;
	if (deletion->exited)
		have_agent_forget(deletion);
	else
		container_process_over(deletion->process->container, deletion->process,
				       PROCESS_STATUS_KILLED);
}

static void killed(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	/* Its exit is what counts, or the timer. */
	(void)ctx;
	(void)response;
	if (status->code != TTRPC_OK)
		log_debug("cannot kill what is to be deleted: %s", status->message);
}

static void kill_created(const struct process *process)
{
	KataLike__Agent__V1__SignalProcessRequest request =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	request.container_id = process->container->id;
	request.exec_id = process->exec_id;
	request.signal = SIGKILL;
	agent_client_call(process->container->agent, "SignalProcess", &kata_like__empty__descriptor,
			  &request.base, TASK_TIMEOUT_MS, killed, NULL);
}

static void begin(struct shim *shim, struct process *process, struct ttrpc_call *call)
{
	struct task_op *op = task_op_new(shim, call, process->container->id, process->exec_id);
	struct deletion *deletion = calloc(1, sizeof(*deletion));

	if (!op) {
		free(deletion);
		return;
	}
	if (!deletion ||
	    loop_add_timer(shim->loop, drained_or_late, deletion, &deletion->timer) < 0) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		task_op_free(op);
		free(deletion);
		return;
	}
	deletion->op = op;
	deletion->process = process;
	process->deleting = &deletion->process;
	if (process->state == PROCESS_CREATED && *process->exec_id) {
		/* Only we know of it. */
		process_stopped(process, 0);
		finish(deletion);
		return;
	}
	if (process->state == PROCESS_CREATED) {
		kill_created(process);
		loop_timer_arm(deletion->timer, KILL_TIMEOUT_MS);
	}
	if (process_wait_exit(process, exited, deletion) < 0)
		exited(deletion, process);
}

void task_delete(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__DeleteRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);

	if (!process)
		return;
	if (process->deleting)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "%s is being deleted", request->id);
	else if (process->state == PROCESS_STARTING || process->state == PROCESS_RUNNING)
		ttrpc_call_fail(call, TTRPC_FAILED_PRECONDITION, "%s%s%s is running: kill it first",
				request->id, *request->exec_id ? "/" : "", request->exec_id);
	else
		begin(ctx, process, call);
}
