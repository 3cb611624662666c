/* SPDX-License-Identifier: Apache-2.0 */
/* One container of the pod: its init process and its execs. */
#ifndef KATA_LIKE_SHIM_SANDBOX_CONTAINER_H
#define KATA_LIKE_SHIM_SANDBOX_CONTAINER_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/hooks.h"
#include "shim/sandbox/agent-client.h"
#include "shim/sandbox/process.h"

/* An exit became final, of the init or of an exec that had started; the init's comes after those of
 * all execs. */
typedef void container_exit_fn(void *ctx, const struct process *process);

struct container {
	struct container *next; /* of the pod's */
	char *id, *bundle;
	const char *namespace; /* containerd's; borrowed */
	bool ready;	       /* the agent has made it; before, only its creation knows it */
	bool paused;
	bool starting; /* the init's start is under way */
	struct process *init;
	struct process *execs;
	struct agent_client *agent; /* borrowed */
	struct hooks *hooks;	    /* of the host; NULL for none */
	uint64_t oom_kills;	    /* that were told of */
	/* The init's exit, held back until the execs have ended too. */
	bool init_over;
	uint32_t init_status;
	struct loop_source *execs_timer;
	container_exit_fn *exited;
	void *exited_ctx;
};

struct container *container_new(struct loop *loop, const char *id, const char *bundle,
				const struct process_io *io, container_exit_fn *exited, void *ctx)
	_must_check_;
/* NULL is fine. The agent's calls for it must be over, or the agent's client freed. */
void container_free(struct container *container);

/* "" finds the init, another id an exec; NULL when there is none. */
struct process *container_process(struct container *container, const char *exec_id);

/* Adds an exec. -EEXIST, -ENOMEM. */
int container_add_exec(struct container *container, const char *exec_id,
		       const struct process_io *io, struct process **ret_process) _must_check_;
/* Frees an exec. */
void container_remove_exec(struct container *container, struct process *process);

/* Asks the agent to tell when the process ends; with that the process stops. 0 or -ENOMEM. */
int container_watch(struct process *process) _must_check_;

/* A process is over, by what the agent said. */
void container_process_over(struct container *container, struct process *process,
			    uint32_t exit_status);
/* The answer to the init's start is given: its exit, if it came meanwhile, is told now. */
void container_start_answered(struct container *container);

/* The VM is gone: everything that had not stopped ends with this status. */
void container_all_over(struct container *container, uint32_t exit_status);

#endif
