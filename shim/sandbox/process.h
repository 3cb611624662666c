/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a container, its init or an exec, as the shim knows it:
 *
 *	CREATED -> STARTING -> RUNNING -> STOPPED
 *
 * A process that is killed or whose start fails goes to STOPPED from where it is. It stops once.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_PROCESS_H
#define KATA_LIKE_SHIM_SANDBOX_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "agent.pb-c.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "shim/sandbox/holder.h"
#include "shim/sandbox/stdio.h"

/* Of a process that somebody killed from outside, and of one whose VM failed. */
#define PROCESS_STATUS_KILLED 137u
#define PROCESS_STATUS_LOST   255u

enum process_state {
	PROCESS_CREATED,
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_STOPPED,
};

struct container;
struct process;
struct process_waiter;

typedef void process_over_fn(struct process *process, uint32_t exit_status);

/* What a call to the agent holds of a process that may be freed before the answer comes. */
struct process_watch {
	struct process *process; /* NULL once that is freed */
	unsigned int n_tries;
};

struct process {
	struct container *container; /* borrowed */
	struct process *next;	     /* of the container's execs */
	char *exec_id;		     /* "" for the init */
	enum process_state state;
	bool terminal;
	char *in, *out, *err;	   /* as the client named them */
	struct stdio *stdio;	   /* NULL before the start of an exec */
	struct holder *holder;	   /* stands for it on the host; NULL before and after */
	pid_t pid;		   /* that one's number, also afterwards; 0 before */
	bool drained;		   /* all output is passed on; true without stdio */
	struct process **deleting; /* who deletes it has it here, until it is freed; or NULL */
	bool stdin_closed;	   /* asked for before the streams were open */
	uint8_t *spec;		   /* an exec's process object, until it starts */
	size_t spec_len;
	uint32_t columns, rows; /* asked for before the start; 0 for not */
	uint32_t exit_status;
	struct timespec exited_at;   /* by the host's clock */
	uint64_t oom_kills;	     /* of the container until then */
	struct process_watch *watch; /* the WaitProcess call under way, which frees it */
	struct process_waiter *exit_waiters, *drain_waiters;
	process_over_fn *over; /* of process_settle() */
	struct err failure;    /* why its status is not known */
};

struct process_io {
	bool terminal;
	const char *in, *out, *err; /* copied */
};

/* exec_id is copied. NULL when out of memory. */
struct process *process_new(struct container *container, const char *exec_id,
			    const struct process_io *io) _must_check_;
/* Waiters are called: a process that did not stop yet counts as killed. NULL is fine. */
void process_free(struct process *process);

/* Opens the streams: once, before the process is made in the guest. */
int process_open_stdio(struct process *process, const struct stdio_parts *parts, struct err *err)
	_must_check_;
/* Makes the process on the host that stands for this one: once, before its pid is told. */
int process_hold(struct process *process, struct loop *loop, const struct holder_config *config,
		 struct err *err) _must_check_;
/* The number of that one. */
pid_t process_pid(const struct process *process);

/* Why its status is not known or a stream not whole; "" when all went well. Lives as long as it. */
const char *process_failure(const struct process *process);

/* What the agent is told about them. */
void process_describe_stdio(const struct process *process, KataLike__Agent__V1__Stdio *ret_stdio);

/* It is over. Passes on what output is under way and calls who waits. No effect when it is over
 * already. */
void process_stopped(struct process *process, uint32_t exit_status);

/*
 * It has ended in the guest: calls over when its output is where that may be told (stdio_settle()),
 * maybe from within; not when the process is freed first. Once.
 */
void process_settle(struct process *process, uint32_t exit_status, process_over_fn *over);

typedef void process_wait_fn(void *ctx, const struct process *process);

/* Calls fn once when the process has stopped, at once if it has. 0 or -ENOMEM. */
int process_wait_exit(struct process *process, process_wait_fn *fn, void *ctx) _must_check_;
/* The same for when it has stopped and its output is passed on as well. */
int process_wait_drained(struct process *process, process_wait_fn *fn, void *ctx) _must_check_;
/* Takes back the waits with this ctx; fn is not called. */
void process_forget_waiter(struct process *process, void *ctx);

#endif
