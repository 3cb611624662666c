/* SPDX-License-Identifier: Apache-2.0 */
/* State, Pids and Connect: what the shim knows itself. */
#include <stdlib.h>

#include "runtime.pb-c.h"
#include "shim/task/task.h"
#include "task.pb-c.h"

#define TYPE_PROCESS_DETAILS "containerd.runc.v1.ProcessDetails"

static KataLike__Task__Status status_of(const struct process *process)
{
	switch (process->state) {
	case PROCESS_CREATED:
	case PROCESS_STARTING:
		return KATA_LIKE__TASK__STATUS__CREATED;
	case PROCESS_RUNNING:
		return process->container->paused ? KATA_LIKE__TASK__STATUS__PAUSED
						  : KATA_LIKE__TASK__STATUS__RUNNING;
	case PROCESS_STOPPED:
		return KATA_LIKE__TASK__STATUS__STOPPED;
	}
	return KATA_LIKE__TASK__STATUS__UNKNOWN;
}

void task_state(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StateRequest *request = (const void *)message;
	struct process *process = task_find_process(ctx, call, request->id, request->exec_id);
	KataLike__Task__StateResponse response = KATA_LIKE__TASK__STATE_RESPONSE__INIT;
	KataLike__Timestamp exited_at;

	if (!process)
		return;
	response.id = process->container->id;
	response.exec_id = process->exec_id;
	response.bundle = process->container->bundle;
	response.pid = (uint32_t)process_pid(process);
	response.status = status_of(process);
	response.stdin = process->in;
	response.stdout = process->out;
	response.stderr = process->err;
	response.terminal = process->terminal;
	if (process->state == PROCESS_STOPPED) {
		task_timestamp(&process->exited_at, &exited_at);
		response.exit_status = process->exit_status;
		response.exited_at = &exited_at;
	}
	ttrpc_call_reply(call, &response.base);
}

/* What ProcessInfo says of an exec. The caller frees the value. */
static int describe_exec(const struct process *exec, KataLike__Any *ret_any)
{
	KataLike__Runtime__ProcessDetails details = KATA_LIKE__RUNTIME__PROCESS_DETAILS__INIT;
	uint8_t *packed;

	details.exec_id = exec->exec_id;
	packed = malloc(kata_like__runtime__process_details__get_packed_size(&details) + 1);
	if (!packed)
		return -1;
	kata_like__any__init(ret_any);
	ret_any->type_url = (char *)TYPE_PROCESS_DETAILS;
	ret_any->value.len = kata_like__runtime__process_details__pack(&details, packed);
	ret_any->value.data = packed;
	return 0;
}

/* A process of the list, with what it points to. */
struct listed {
	KataLike__Task__ProcessInfo info;
	KataLike__Any details;
};

/*
 * The processes that were started from outside, by the host's number that was reported for them:
 * the guest's own numbers mean nothing here. The init is named also when it has ended: containerd,
 * from 1.7 on, takes a task without processes for one that was never made, and deletes it when it
 * is restarted.
 */
void task_pids(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__PidsRequest *request = (const void *)message;
	struct container *container = task_find_container(ctx, call, request->id);
	KataLike__Task__PidsResponse response = KATA_LIKE__TASK__PIDS_RESPONSE__INIT;
	_cleanup_free_ struct listed *listed = NULL;
	_cleanup_free_ KataLike__Task__ProcessInfo **list = NULL;
	size_t n = 1, used = 0;

	if (!container)
		return;
	for (const struct process *exec = container->execs; exec; exec = exec->next)
		n++;
	listed = calloc(n, sizeof(*listed));
	list = calloc(n, sizeof(KataLike__Task__ProcessInfo *));
	if (!listed || !list) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	for (const struct process *process = container->init; process;
	     process = process == container->init ? container->execs : process->next) {
		struct listed *entry = &listed[used];

		if (process != container->init && process->state != PROCESS_RUNNING)
			continue;
		kata_like__task__process_info__init(&entry->info);
		entry->info.pid = (uint32_t)process_pid(process);
		if (process != container->init && describe_exec(process, &entry->details) == 0)
			entry->info.info = &entry->details;
		list[used++] = &entry->info;
	}
	response.processes = list;
	response.n_processes = used;
	ttrpc_call_reply(call, &response.base);
	for (size_t i = 0; i < used; i++)
		free(listed[i].details.value.data);
}

void task_connect(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__ConnectRequest *request = (const void *)message;
	struct shim *shim = ctx;
	KataLike__Task__ConnectResponse response = KATA_LIKE__TASK__CONNECT_RESPONSE__INIT;
	const struct container *container;

	if (*request->id) {
		container = task_find_container(shim, call, request->id);
		if (!container)
			return;
		response.task_pid = (uint32_t)process_pid(container->init);
	}
	response.shim_pid = (uint32_t)getpid();
	response.version = (char *)KATA_LIKE_VERSION;
	ttrpc_call_reply(call, &response.base);
}
