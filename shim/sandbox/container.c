/* SPDX-License-Identifier: Apache-2.0 */
/* One container of the pod. */
#include "shim/sandbox/container.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"

/* The agent kills a container's execs when its init ends; it gets so long to tell of each. */
#define EXECS_TIMEOUT_MS 2000
#define WAIT_TRIES	 3

static void execs_timed_out(void *ctx);

struct container *container_new(struct loop *loop, const char *id, const char *bundle,
				const struct process_io *io, container_exit_fn *exited, void *ctx)
{
	struct container *container = calloc(1, sizeof(*container));

	if (!container)
		return NULL;
	*container = (struct container){
		.id = strdup(id),
		.bundle = strdup(bundle),
		.exited = exited,
		.exited_ctx = ctx,
	};
	container->init = process_new(container, "", io);
	if (!container->id || !container->bundle || !container->init ||
	    loop_add_timer(loop, execs_timed_out, container, &container->execs_timer) < 0) {
		container_free(container);
		return NULL;
	}
	return container;
}

void container_free(struct container *container)
{
	if (!container)
		return;
	/* First: whoever waits for them looks at the container. */
	hooks_free(TAKE_PTR(container->hooks));
	while (container->execs)
		container_remove_exec(container, container->execs);
	process_free(container->init);
	loop_source_free(container->execs_timer);
	free(container->id);
	free(container->bundle);
	free(container);
}

struct process *container_process(struct container *container, const char *exec_id)
{
	if (!*exec_id)
		return container->init;
	for (struct process *exec = container->execs; exec; exec = exec->next)
		if (strcmp(exec->exec_id, exec_id) == 0)
			return exec;
	return NULL;
}

int container_add_exec(struct container *container, const char *exec_id,
		       const struct process_io *io, struct process **ret_process)
{
	struct process *process;

	if (container_process(container, exec_id))
		return -EEXIST;
	process = process_new(container, exec_id, io);
	if (!process)
		return -ENOMEM;
	process->next = container->execs;
	container->execs = process;
	*ret_process = process;
	return 0;
}

void container_remove_exec(struct container *container, struct process *process)
{
	for (struct process **at = &container->execs; *at; at = &(*at)->next) {
		if (*at != process)
			continue;
		*at = process->next;
		process_free(process);
		return;
	}
}

static bool execs_run(const struct container *container)
{
	for (const struct process *exec = container->execs; exec; exec = exec->next)
		if (exec->state == PROCESS_RUNNING || exec->state == PROCESS_STARTING)
			return true;
	return false;
}

/* An exec that never ran has no exit to tell of. */
static void stop(struct container *container, struct process *process, uint32_t status)
{
	bool ran = process == container->init || process->state == PROCESS_RUNNING;

	if (process->state == PROCESS_STOPPED)
		return;
	process_stopped(process, status);
	if (ran)
		container->exited(container->exited_ctx, process);
}

/* While its start is not answered the init's exit waits, so that it is told of after the start. */
static void check_init(struct container *container)
{
	if (!container->init_over || container->starting || execs_run(container))
		return;
	loop_timer_arm(container->execs_timer, -1);
	container->paused = false;
	stop(container, container->init, container->init_status);
}

void container_process_over(struct container *container, struct process *process,
			    uint32_t exit_status)
{
	if (process == container->init) {
		if (!container->init_over)
			container->init_status = exit_status;
		container->init_over = true;
		loop_timer_arm(container->execs_timer, EXECS_TIMEOUT_MS);
	} else {
		stop(container, process, exit_status);
	}
	check_init(container);
}

static void execs_timed_out(void *ctx)
{
	struct container *container = ctx;

	for (struct process *exec = container->execs; exec; exec = exec->next)
		if (exec->state != PROCESS_CREATED)
			stop(container, exec, PROCESS_STATUS_KILLED);
	check_init(container);
}

void container_start_answered(struct container *container)
{
	container->starting = false;
	check_init(container);
}

void container_all_over(struct container *container, uint32_t exit_status)
{
	/* Execs that never started are forgotten by their Delete; they have nothing to tell. */
	for (struct process *exec = container->execs; exec; exec = exec->next)
		stop(container, exec, exit_status);
	container_process_over(container, container->init, exit_status);
}

static void over(struct process *process, uint32_t exit_status)
{
	container_process_over(process->container, process, exit_status);
}

static void wait_for_end(struct process_watch *watch);

static void wait_answered(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *response)
{
	_cleanup_free_ struct process_watch *watch = ctx;
	const KataLike__Agent__V1__WaitProcessResponse *exit = (const void *)response;
	struct process *process = watch->process;

	if (!process)
		return;
	process->watch = NULL;
	/* The end of the VM is told to every process elsewhere. */
	if (status->code == TTRPC_CANCELLED || status->code == TTRPC_UNAVAILABLE)
		return;
	if (status->code != TTRPC_OK && status->code != TTRPC_NOT_FOUND &&
	    watch->n_tries < WAIT_TRIES) {
		process->watch = watch;
		wait_for_end(TAKE_PTR(watch));
		return;
	}
	if (status->code != TTRPC_OK) {
		(void)ttrpc_status_to_err(status, &process->failure);
		(void)err_push(&process->failure, "its status is lost");
		log_warn("%s/%s: %s", process->container->id, process->exec_id,
			 err_text(&process->failure));
	} else {
		process->oom_kills = exit->oom_kills;
	}
	process_settle(process, status->code == TTRPC_OK ? exit->exit_status : PROCESS_STATUS_LOST,
		       over);
}

/* The agent may have been out of memory for a moment. */
static void wait_for_end(struct process_watch *watch)
{
	KataLike__Agent__V1__ProcessRequest request = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	struct container *container = watch->process->container;

	watch->n_tries++;
	request.container_id = container->id;
	request.exec_id = watch->process->exec_id;
	agent_client_call(container->agent, "WaitProcess",
			  &kata_like__agent__v1__wait_process_response__descriptor, &request.base,
			  0, wait_answered, watch);
}

int container_watch(struct process *process)
{
	struct process_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_set(&process->failure, ENOMEM, "its status is lost");
	watch->process = process;
	process->watch = watch;
	wait_for_end(watch);
	return 0;
}
