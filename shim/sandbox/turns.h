/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may change a pod's devices: one at a time, in the order of asking. The guest must not look
 * for new devices while another is taken away.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_TURNS_H
#define KATA_LIKE_SHIM_SANDBOX_TURNS_H

#include "lib/loop.h"

struct turn;

struct turns {
	struct loop *loop;
	struct turn *first; /* has its turn */
};

/*
 * Asks for a turn; fn is called from the loop, never from within, when it has come. The turn is the
 * caller's. NULL when out of memory.
 */
struct turn *turns_take(struct turns *turns, loop_fn *fn, void *ctx) _must_check_;

/* Ends a turn, or gives up waiting for it: fn is not called any more. NULL is fine. */
void turn_end(struct turn *turn);

#endif
