/* SPDX-License-Identifier: Apache-2.0 */
/* A container: its configuration, cgroup, namespaces and processes, from create to delete. */
#ifndef KATA_LIKE_AGENT_CONTAINER_CONTAINER_H
#define KATA_LIKE_AGENT_CONTAINER_CONTAINER_H

#include "agent/container/cgroup.h"
#include "agent/container/engine.h"
#include "agent/container/process.h"
#include "agent/mount/mount.h"
#include "agent/mount/rootfs.h"

/* The states of the runtime specification, and what leads to them. */
enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};

struct oom_watch;

struct container {
	struct engine *engine;
	struct container *next;
	char *id;
	enum container_state state;
	struct oci_spec *spec;
	struct rootfs rootfs; /* this and the disks point into the spec's arena */
	struct disk_mount *disks;
	size_t n_disks;
	struct cgroup *cgroup;
	struct namespaces_plan plan;
	struct process *init;
	struct process *execs;
	struct oom_watch *oom;
	struct loop_source *timer; /* for what must be tried again: removing, freezing */
	unsigned int tries;
	engine_done_fn *done; /* of creating, deleting, pausing, while under way */
	void *done_ctx;
	struct err failure; /* of creating, until everything is taken back */
};

struct container_params {
	const char *id;
	struct oci_spec *spec; /* taken over, also on failure */
	/* What these point to must live in the spec's arena. */
	struct rootfs rootfs;
	struct disk_mount *disks;
	size_t n_disks;
	struct stdio_outside outside; /* taken over, also on failure */
};

/*
 * Makes a container; done hears when its init waits for the start, or why not. A failure of this
 * call itself, or one told to done, leaves nothing behind. -EEXIST, -EINVAL, …
 */
int container_create(struct engine *engine, struct container_params *params, engine_done_fn *done,
		     void *ctx, struct err *err) _must_check_;

/* Runs its program; done hears when execve(2) has succeeded or failed. -EBUSY: not created. */
int container_start(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
	_must_check_;

/* Removes a stopped container. -EBUSY while it is not. */
int container_delete(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
	_must_check_;

/* Kills everything in it; its init's end is told to who waits for it. 0 or -errno. */
int container_kill(struct container *container) _must_check_;

/* A signal to all its processes. 0 or -errno; -ESRCH when it has stopped. */
int container_signal_all(struct container *container, int signal_number) _must_check_;

/* Freezes or thaws; done hears when it has come about. */
int container_pause(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
	_must_check_;
int container_resume(struct container *container, struct err *err) _must_check_;

/*
 * Adds a process; done hears when its program runs, or why not. process is borrowed until then,
 * outside taken over. -EEXIST: the id is in use; -EBUSY: the container does not run.
 */
int container_exec(struct container *container, const char *exec_id,
		   const struct oci_process *process, struct stdio_outside *outside,
		   engine_done_fn *done, void *ctx, struct err *err) _must_check_;

/* The init for "" or an exec; NULL where there is none. */
struct process *container_find_process(const struct container *container, const char *exec_id);

/* Forgets an exec that has ended. -EBUSY while it has not. */
int container_remove_exec(struct container *container, struct process *process) _must_check_;
/* The same without a question. */
void container_forget_exec(struct container *container, struct process *process);

/* Ends the operation that is under way: tells who began it. */
void container_report(struct container *container, const struct err *err);

/* What processes tell their container, and ask of it. */
int container_map_users(const struct container *container, pid_t pid) _must_check_;
void container_process_runs(struct container *container, const struct process *process);
void container_process_ended(struct container *container, struct process *process);
void container_process_finished(struct container *container, struct process *process);
bool container_may_finish(const struct container *container, const struct process *process);

#endif
