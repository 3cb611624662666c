/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container engine: all containers of one VM (or, in the test program, of one host). It knows
 * nothing of RPC: operations that take time call back. Single-threaded, on one loop.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_ENGINE_H
#define KATA_LIKE_AGENT_CONTAINER_ENGINE_H

#include "agent/container/namespaces.h"
#include "agent/reaper.h"

struct container;

struct engine_config {
	bool in_guest;		  /* the kernel is the pod's own, paths of the host mean nothing */
	const char *cgroup_mount; /* "/sys/fs/cgroup" */
	const char *cgroup_base;  /* a directory in it, made by the engine */
	const char *work_dir; /* an empty directory; containers mount over it in their namespace */
};

/* Processes of the container were killed for want of memory, so many until now. */
typedef void engine_oom_fn(void *ctx, const char *container_id, uint64_t kills);

struct engine {
	struct loop *loop;
	struct reaper *reaper;
	struct engine_config config; /* its strings are borrowed */
	int cgroup_base_fd;
	int null_fd;
	struct namespaces_pod pod;
	struct container *containers;
	engine_oom_fn *on_oom;
	void *on_oom_ctx;
};

/*
 * How an operation that takes time ends, once, and never from within the call that began it. err is
 * NULL where it succeeded, else it lives as long as the callback. pid is that of the process, if
 * any.
 */
typedef void engine_done_fn(void *ctx, const struct err *err, pid_t pid);

int engine_init(struct engine *engine, struct loop *loop, const struct engine_config *config,
		struct err *err) _must_check_;
/* Forgets everything; the containers must have been destroyed. */
void engine_fini(struct engine *engine);

/* NULL where there is none. */
struct container *engine_find(const struct engine *engine, const char *container_id);

/* Kills and removes all containers, then calls back. */
void engine_destroy_all(struct engine *engine, engine_done_fn *done, void *ctx);

#endif
