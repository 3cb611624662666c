/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that the agent started: a container's init or an exec.
 *
 *	SETTING_UP --READY--> READY --START--> STARTING --execve--> RUNNING --> ENDED
 *
 * An exec goes from SETTING_UP straight to RUNNING. From any state it may end. A process that ends
 * before RUNNING fails the operation that is under way.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_PROCESS_H
#define KATA_LIKE_AGENT_CONTAINER_PROCESS_H

#include <time.h>

#include "agent/container/engine.h"
#include "agent/stdio.h"

enum process_state {
	PROCESS_SETTING_UP,
	PROCESS_READY,
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_ENDED, /* reaped; its output may still be on its way */
};

struct process_exit {
	int status; /* 0 to 255; 128 + n for a signal */
	struct timespec at;
	uint64_t oom_kills; /* of its container until then */
};

typedef void process_wait_fn(void *ctx, const struct process_exit *exit);
struct process_waiter;

struct process {
	struct engine *engine;
	struct container *container;
	char *exec_id; /* "" for the init */
	enum process_state state;
	pid_t pid; /* 0 once it is reaped */
	int channel_fd;
	struct loop_source *channel_source;
	struct loop_source *finish_source; /* a deferred call, while one is under way */
	struct stdio *stdio;
	struct process_exit exit;
	int signal_before_start; /* what is to be reported for one killed before it ran */
	bool output_done;	 /* what it wrote has been handed over */
	bool finished;		 /* waiters have been told */
	engine_done_fn *done;	 /* of the operation under way */
	void *done_ctx;
	struct err failure; /* what the child reported */
	struct process_waiter *waiters;
	struct process *next; /* of the container's execs */
};

/* The child's side. It never returns. */
typedef void process_child_fn(void *ctx, int channel_fd, const int std_fds[3]);

struct process_launch {
	unsigned long clone_flags;
	int pid_namespace_fd; /* to be born in, or -1 */
	int cgroup_fd;	      /* to be born in, or -1 */
	process_child_fn *child;
	void *ctx;
};

/* outside is taken over, also on failure. */
int process_new(struct container *container, const char *exec_id, struct stdio_outside *outside,
		uint32_t uid, uint32_t gid, struct process **ret_process, struct err *err)
	_must_check_;
/* NULL is fine. The process must have ended, or never been launched; its waiters are dropped. */
void process_free(struct process *process);

/* Forks. done is told of READY (an init) or RUNNING (an exec), or of the failure once it is reaped.
 */
int process_launch(struct process *process, const struct process_launch *launch,
		   engine_done_fn *done, void *ctx, struct err *err) _must_check_;

/* Lets an init that is READY go on to execve(2). */
int process_start(struct process *process, engine_done_fn *done, void *ctx, struct err *err)
	_must_check_;

/* -ESRCH when it has ended. */
int process_signal(struct process *process, int signal_number) _must_check_;

/* Calls fn once, when the process has ended and its output has been handed over. 0 or -ENOMEM. */
int process_wait(struct process *process, process_wait_fn *fn, void *ctx) _must_check_;

/* Looks again whether the waiters can be told: the container calls it for its init. */
void process_check_finished(struct process *process);

#endif
