/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moves bytes from one descriptor to another, one way, until the input ends: by splice(2) between a
 * socket and a FIFO, by copying where splice cannot (a file that is appended to). Never reads what
 * the output cannot take, so that a slow reader slows the writer and nothing is buffered here.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_RELAY_H
#define KATA_LIKE_SHIM_SANDBOX_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/loop.h"

struct relay;

/*
 * Called once: the input has ended and all of it was delivered, or whoever is at either end has
 * gone (0); or bytes could not be moved (-errno).
 */
typedef void relay_done_fn(void *ctx, int result);

/*
 * Starts to move. Both descriptors are non-blocking (a regular file need not be) and stay the
 * caller's: they outlive the relay. done may free the relay. 0 or -errno.
 */
int relay_new(struct loop *loop, int in_fd, int out_fd, relay_done_fn *done, void *ctx,
	      struct relay **ret_relay) _must_check_;
/* NULL is fine. */
void relay_free(struct relay *relay);

/* How many bytes went through since the start. */
uint64_t relay_bytes(const struct relay *relay);

/* True while there is input that the output cannot take. */
bool relay_is_held_up(const struct relay *relay);

#endif
