/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves bytes between two stream sockets, both ways, until each way has ended: the end of one is
 * passed on, and a socket that broke ends both. A way reads only what it has written before.
 */
#ifndef KATA_LIKE_SHIM_NET_PUMP_H
#define KATA_LIKE_SHIM_NET_PUMP_H

#include "lib/loop.h"

struct pump;

/* Both sockets are non-blocking and stay the caller's. done is called once, and may free it. */
int pump_new(struct loop *loop, int fd_a, int fd_b, loop_fn *done, void *ctx,
	     struct pump **ret_pump) _must_check_;
/* NULL is fine. */
void pump_free(struct pump *pump);

#endif
