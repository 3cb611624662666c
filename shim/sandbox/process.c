/* SPDX-License-Identifier: Apache-2.0 */
/* One process of a container. */
#include "shim/sandbox/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "shim/sandbox/agent-client.h"
#include "shim/sandbox/container.h"

#define SIGNAL_TIMEOUT_MS 10000

struct process_waiter {
	struct process_waiter *next;
	process_wait_fn *fn;
	void *ctx;
};

struct process *process_new(struct container *container, const char *exec_id,
			    const struct process_io *io)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	*process = (struct process){
		.container = container,
		.exec_id = strdup(exec_id),
		.terminal = io->terminal,
		.in = strdup(io->in),
		.out = strdup(io->out),
		.err = strdup(io->err),
		.drained = true,
	};
	if (!process->exec_id || !process->in || !process->out || !process->err) {
		process_free(process);
		return NULL;
	}
	return process;
}

static void call_waiters(struct process_waiter **list, const struct process *process)
{
	while (*list) {
		struct process_waiter *waiter = *list;

		*list = waiter->next;
		waiter->fn(waiter->ctx, process);
		free(waiter);
	}
}

void process_free(struct process *process)
{
	if (!process)
		return;
	if (process->state != PROCESS_STOPPED && process->exit_waiters) {
		process->state = PROCESS_STOPPED;
		process->exit_status = PROCESS_STATUS_KILLED;
		(void)clock_gettime(CLOCK_REALTIME, &process->exited_at);
	}
	call_waiters(&process->exit_waiters, process);
	call_waiters(&process->drain_waiters, process);
	if (process->watch)
		process->watch->process = NULL;
	if (process->deleting)
		*process->deleting = NULL;
	stdio_free(process->stdio);
	holder_end(process->holder, process->exit_status);
	free(process->exec_id);
	free(process->in);
	free(process->out);
	free(process->err);
	free(process->spec);
	free(process);
}

int process_open_stdio(struct process *process, const struct stdio_parts *parts, struct err *err)
{
	struct stdio_paths paths = { process->terminal,
				     process->in,
				     process->out,
				     process->err,
				     process->container->namespace,
				     process->container->id };
	int r = stdio_new(parts, &paths, &process->stdio, err);

	if (r < 0)
		return r;
	process->drained = false;
	if (process->stdin_closed)
		stdio_close_stdin(process->stdio);
	return 0;
}

static void signal_passed_on(void *ctx, const struct ttrpc_status *status,
			     const ProtobufCMessage *response)
{
	(void)ctx;
	(void)response;
	if (status->code != TTRPC_OK && status->code != TTRPC_NOT_FOUND)
		log_debug("cannot pass a signal on: %s", status->message);
}

/* Somebody signalled the process on the host. */
static void holder_signalled(void *ctx, int signal_number)
{
	struct process *process = ctx;
	KataLike__Agent__V1__SignalProcessRequest request =
		KATA_LIKE__AGENT__V1__SIGNAL_PROCESS_REQUEST__INIT;

	log_info("%s%s%s: pid %d got signal %d", process->container->id,
		 *process->exec_id ? "/" : "", process->exec_id, process->pid, signal_number);
	if (!process->container->agent || process->state == PROCESS_STOPPED)
		return;
	request.container_id = process->container->id;
	request.exec_id = process->exec_id;
	request.signal = (uint32_t)signal_number;
	agent_client_call(process->container->agent, "SignalProcess", &kata_like__empty__descriptor,
			  &request.base, SIGNAL_TIMEOUT_MS, signal_passed_on, NULL);
}

int process_hold(struct process *process, struct loop *loop, const struct holder_config *config,
		 struct err *err)
{
	int r = holder_new(loop, config, holder_signalled, process, &process->holder, err);

	if (r == 0)
		process->pid = holder_pid(process->holder);
	return r;
}

pid_t process_pid(const struct process *process)
{
	return process->pid;
}

const char *process_failure(const struct process *process)
{
	if (process->failure.code != 0 || !process->stdio)
		return process->failure.text;
	return stdio_failure(process->stdio);
}

void process_describe_stdio(const struct process *process, KataLike__Agent__V1__Stdio *ret_stdio)
{
	struct stdio_ports ports = stdio_get_ports(process->stdio);

	ret_stdio->terminal = process->terminal;
	ret_stdio->stdin_port = ports.in;
	ret_stdio->stdout_port = ports.out;
	ret_stdio->stderr_port = ports.err;
}

static void output_drained(void *ctx)
{
	struct process *process = ctx;

	process->drained = true;
	call_waiters(&process->drain_waiters, process);
}

static void output_settled(void *ctx)
{
	struct process *process = ctx;

	process->over(process, process->exit_status);
}

void process_settle(struct process *process, uint32_t exit_status, process_over_fn *over)
{
	process->over = over;
	process->exit_status = exit_status;
	if (process->stdio)
		stdio_settle(process->stdio, output_settled, process);
	else
		output_settled(process);
}

void process_stopped(struct process *process, uint32_t exit_status)
{
	if (process->state == PROCESS_STOPPED)
		return;
	process->state = PROCESS_STOPPED;
	process->exit_status = MIN(exit_status, 255u);
	(void)clock_gettime(CLOCK_REALTIME, &process->exited_at);
	holder_end(TAKE_PTR(process->holder), process->exit_status);
	call_waiters(&process->exit_waiters, process);
	if (process->stdio)
		stdio_drain(process->stdio, output_drained, process);
	else
		call_waiters(&process->drain_waiters, process);
}

static int add_waiter(struct process_waiter **list, process_wait_fn *fn, void *ctx)
{
	struct process_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	*waiter = (struct process_waiter){ .next = *list, .fn = fn, .ctx = ctx };
	*list = waiter;
	return 0;
}

int process_wait_exit(struct process *process, process_wait_fn *fn, void *ctx)
{
	if (process->state != PROCESS_STOPPED)
		return add_waiter(&process->exit_waiters, fn, ctx);
	fn(ctx, process);
	return 0;
}

int process_wait_drained(struct process *process, process_wait_fn *fn, void *ctx)
{
	if (process->state != PROCESS_STOPPED || !process->drained)
		return add_waiter(&process->drain_waiters, fn, ctx);
	fn(ctx, process);
	return 0;
}

static void forget(struct process_waiter **list, const void *ctx)
{
	while (*list) {
		struct process_waiter *waiter = *list;

		if (waiter->ctx != ctx) {
			list = &waiter->next;
			continue;
		}
		*list = waiter->next;
		free(waiter);
	}
}

void process_forget_waiter(struct process *process, void *ctx)
{
	forget(&process->exit_waiters, ctx);
	forget(&process->drain_waiters, ctx);
}
