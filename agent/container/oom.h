/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a cgroup for processes that are killed for want of memory. */
#ifndef KATA_LIKE_AGENT_CONTAINER_OOM_H
#define KATA_LIKE_AGENT_CONTAINER_OOM_H

#include "agent/container/cgroup.h"
#include "lib/loop.h"

struct oom_watch;

/*
 * Calls fn for each kill, or once for several. A cgroup without the memory controller is watched
 * for nothing: *ret_watch is then NULL.
 */
int oom_watch_new(struct loop *loop, const struct cgroup *cgroup, loop_fn *fn, void *ctx,
		  struct oom_watch **ret_watch, struct err *err) _must_check_;
void oom_watch_free(struct oom_watch *watch);

/* Looks now: a kill and the end of the process are noticed in any order. */
void oom_watch_check(struct oom_watch *watch);

#endif
