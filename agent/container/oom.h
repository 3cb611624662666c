/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a cgroup for processes that are killed for want of memory. */
#ifndef KATA_LIKE_AGENT_CONTAINER_OOM_H
#define KATA_LIKE_AGENT_CONTAINER_OOM_H

#include "agent/container/cgroup.h"
#include "lib/loop.h"

struct oom_watch;

/*
 * Calls fn when there were kills, with the number of all until then. A cgroup without the memory
 * controller is watched for nothing: *ret_watch is then NULL.
 */
typedef void oom_watch_fn(void *ctx, uint64_t kills);
int oom_watch_new(struct loop *loop, const struct cgroup *cgroup, oom_watch_fn *fn, void *ctx,
		  struct oom_watch **ret_watch, struct err *err) _must_check_;
void oom_watch_free(struct oom_watch *watch);

/*
 * Looks now, and returns the number of kills. The kernel counts one before it sends the signal, so
 * after a process was reaped its kill is in the number. A NULL watch has seen none.
 */
uint64_t oom_watch_check(struct oom_watch *watch);

#endif
