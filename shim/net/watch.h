/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that something changed in a network namespace: interfaces, addresses, routes. */
#ifndef KATA_LIKE_SHIM_NET_WATCH_H
#define KATA_LIKE_SHIM_NET_WATCH_H

#include "lib/err.h"
#include "lib/loop.h"

struct watch;

/*
 * Calls changed once things have been quiet for a moment after a change, or have gone on changing
 * for long enough.
 */
int watch_new(struct loop *loop, int netns_fd, loop_fn *changed, void *ctx,
	      struct watch **ret_watch, struct err *err) _must_check_;
/* NULL is fine. */
void watch_free(struct watch *watch);

#endif
