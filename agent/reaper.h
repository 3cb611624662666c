/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reaper: PID 1 collects every child, its own and the orphans, from one SIGCHLD. Those that
 * somebody watches are reported; the rest are forgotten. (loop_add_child() would leave orphans.)
 */
#ifndef KATA_LIKE_AGENT_REAPER_H
#define KATA_LIKE_AGENT_REAPER_H

#include "lib/loop.h"

struct reaper;

int reaper_new(struct loop *loop, struct reaper **ret_reaper, struct err *err) _must_check_;
void reaper_free(struct reaper *reaper);

/*
 * Calls fn once when pid has ended. To be called before the loop runs again after the fork, so that
 * the child cannot have been reaped in between. 0 or -ENOMEM.
 */
int reaper_watch(struct reaper *reaper, pid_t pid, loop_child_fn *fn, void *ctx) _must_check_;

/* Nobody wants to hear about pid any more; it is still reaped. */
void reaper_forget(struct reaper *reaper, pid_t pid);

#endif
