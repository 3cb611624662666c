/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that blocks, done in a forked child so that the loop never waits: the child runs one
 * function and hands back a record, descriptors, or an error. The child dies with the shim.
 */
#ifndef KATA_LIKE_SHIM_JOB_H
#define KATA_LIKE_SHIM_JOB_H

#include "lib/err.h"
#include "lib/fd.h"
#include "lib/loop.h"

#define JOB_RECORD_MAX 16384

struct job;

/* What the function fills: record of at most JOB_RECORD_MAX bytes, and descriptors. */
struct job_output {
	char record[JOB_RECORD_MAX];
	size_t record_len;
	int fds[FD_PASS_MAX];
	size_t n_fds;
};

/* Where the child has the descriptor that job_start_with() was given. */
#define JOB_INPUT_FD 4

/* Runs in the child, with no descriptors but the standard three, its own and JOB_INPUT_FD. 0, or
 * negative with err set. */
typedef int job_work_fn(const void *input, struct job_output *output, struct err *err);

/*
 * Called once from the loop, unless the job is cancelled. err is empty (code 0) on success. The
 * descriptors in output are the callee's; output is NULL on failure.
 */
typedef void job_done_fn(void *ctx, const struct err *err, struct job_output *output);

/* Starts work(input); input is read in the child's copy of our memory. The job frees itself. */
int job_start(struct loop *loop, job_work_fn *work, const void *input, job_done_fn *done, void *ctx,
	      struct job **ret_job, struct err *err) _must_check_;
/* The same; input_fd, the caller's, is one more descriptor for it, or -1. */
int job_start_with(struct loop *loop, job_work_fn *work, const void *input, int input_fd,
		   job_done_fn *done, void *ctx, struct job **ret_job, struct err *err)
	_must_check_;

/* Kills the child and forgets the job; done is not called. NULL is fine; not after done. */
void job_cancel(struct job *job);

/*
 * For work functions: runs a program (searched in PATH and the sbin folders) to its end and checks
 * that it succeeded; its standard error becomes part of the error. -ENOENT names the package to
 * install.
 */
int job_run_program(char *const argv[], const char *package, struct err *err) _must_check_;

/*
 * Like fork(), with flags of clone(2), for a child that is in a cgroup from its first moment:
 * moving one later takes the kernel tens of milliseconds. cgroup_fd: its folder; -1 for ours. -1
 * with errno on failure; that the child could not be put there only reaches the log.
 */
pid_t job_fork_into(int cgroup_fd, unsigned long flags) _must_check_;

/* In a child: undo the signal set-up of the loop, and die when the parent does. 0 or -errno. */
int job_child_reset(pid_t parent) _must_check_;
/* In a child: gives it its standard streams; -1 is /dev/null. 0 or -errno. */
int job_child_streams(int in_fd, int out_fd, int err_fd) _must_check_;

#endif
