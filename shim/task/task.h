/* SPDX-License-Identifier: Apache-2.0 */
/* What the groups of Task methods share: finding whom a request means, and forwarding to the agent.
 */
#ifndef KATA_LIKE_SHIM_TASK_TASK_H
#define KATA_LIKE_SHIM_TASK_TASK_H

#include <time.h>

#include "common.pb-c.h"
#include "proto/ttrpc/server.h"
#include "shim/sandbox/container.h"
#include "shim/shim.h"

/* Calls to the agent that need no work in the guest worth mentioning. */
#define TASK_TIMEOUT_MS 10000

/* Each handler gets the struct shim as ctx; they are listed in service.c. */
ttrpc_handler_fn task_create, task_start, task_delete, task_wait,
	task_shutdown;	    /* lifecycle.c; delete.c */
ttrpc_handler_fn task_exec; /* exec.c */
ttrpc_handler_fn task_kill, task_pause, task_resume, task_update, task_checkpoint; /* control.c */
ttrpc_handler_fn task_resize_pty, task_close_io;				   /* io.c */
ttrpc_handler_fn task_state, task_pids, task_connect;				   /* info.c */
ttrpc_handler_fn task_stats, task_list_processes; /* guest-info.c */

/* Finds a container; NULL when there is none, and the call is then answered with NOT_FOUND. */
struct container *task_find_container(struct shim *shim, struct ttrpc_call *call, const char *id);
/* The same for a process; an empty exec_id is the init. */
struct process *task_find_process(struct shim *shim, struct ttrpc_call *call, const char *id,
				  const char *exec_id);

/*
 * Forwards to the agent and answers the call with an empty message, or with the agent's error as it
 * is.
 */
void task_forward(struct container *container, struct ttrpc_call *call, const char *method,
		  const ProtobufCMessage *request);

/* A process could not be started: it is over, and who waits for it learns so. */
void task_start_failed(struct process *process, enum ttrpc_code code);

/* Answers a call with a status that the agent gave. */
void task_fail_status(struct ttrpc_call *call, const struct ttrpc_status *status);

/*
 * A call that waits for the agent. It holds names, not pointers: what they name may be gone by the
 * time of the answer.
 */
struct task_op {
	struct shim *shim;
	struct ttrpc_call *call;
	char *id, *exec_id;
	struct task_event *event; /* of a Create; else NULL */
};

/* NULL when out of memory; the call is then answered. */
struct task_op *task_op_new(struct shim *shim, struct ttrpc_call *call, const char *id,
			    const char *exec_id) _must_check_;
void task_op_free(struct task_op *op);
/* The container or process that the operation is about, or NULL. */
struct container *task_op_container(const struct task_op *op);
struct process *task_op_process(const struct task_op *op);

/* A moment as a message. */
void task_timestamp(const struct timespec *when, KataLike__Timestamp *ret_timestamp);

/* Starts an exec that was added (exec.c); the start of an init is in lifecycle.c. */
void task_start_exec(struct shim *shim, struct process *process, struct ttrpc_call *call);

#endif
