/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side of a container's processes: what runs between the fork and execve(2), as lists
 * of named steps. The first step that fails is reported over the channel with its name, and ends
 * it.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_CHILD_H
#define KATA_LIKE_AGENT_CONTAINER_CHILD_H

#include "agent/container/container.h"
#include "oci/state.h"

struct seccomp_filter;

struct child {
	const struct container *container;
	const struct oci_spec *spec;
	const struct oci_process *process;
	int channel_fd;
	int std_fds[3]; /* -1 with a terminal */
	int root_fd;	/* the container's root, until it is entered */
	int init_pidfd; /* of an exec: whose namespaces are joined */
	int *prepared;	/* mounts made beforehand, by index, or NULL */
	bool new_user;	/* a user namespace is to be made or joined */
	bool in_cwd;	/* the working directory has been entered */
	char **env;
	char *executable;
	struct seccomp_filter *filter;
	int listener_fd; /* whom the filter asks, or -1 */
	pid_t outer_pid; /* the process's number where the listener is, if there is one */
};

struct child_step {
	const char *what; /* "setting the host name" */
	int (*run)(struct child *child, struct err *err);
};

/* Runs the steps; one that fails ends the process. */
void child_run(struct child *child, const struct child_step *steps, size_t n_steps);
_noreturn_ void child_fail(const struct child *child, const struct err *err);

/* The container's state as hooks and seccomp listeners are told it; pid is the calling process. */
struct oci_state child_state(const struct child *child, const char *status);

/* The first step of every child: its own session, signals as a program expects them, no
 * descriptors. */
int child_detach(struct child *child, struct err *err) _must_check_;

/* While the child still has the agent's rights: limits_set_oom_score() and limits_make_room(). */
int child_set_oom_score(struct child *child, struct err *err) _must_check_;
int child_make_room(struct child *child, struct err *err) _must_check_;

/* Connects to the seccomp listener, if one is asked: while paths still are the guest's. */
int child_find_listener(struct child *child, struct err *err) _must_check_;
/* Notes the process's number for the listener: while /proc still is the guest's. */
void child_note_outer_pid(struct child *child);

/* A terminal for the process if it wants one; root_fd is the container's root. */
int child_open_terminal(struct child *child, int *ret_slave_fd, struct err *err) _must_check_;

/* The steps from inside the container's root to the program's door: child/launch.c. */
extern const struct child_step child_launch_steps[];
extern const size_t child_n_launch_steps;

/* Finds the program and executes it, with the filter and the last capabilities; reports where that
 * fails. */
_noreturn_ void child_execute(struct child *child);

/* The two kinds of process: process_child_fn. */
void init_child(void *ctx, int channel_fd, const int std_fds[3]);

struct exec_params {
	const struct container *container;
	const struct oci_process *process;
	int init_pidfd;
};
void exec_child(void *ctx, int channel_fd, const int std_fds[3]);

#endif
