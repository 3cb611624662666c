/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay carries bytes in one direction, from one descriptor to another. It reads only when what
 * it read before has been written, so a slow receiver stops the sender and memory stays bounded.
 */
#ifndef KATA_LIKE_AGENT_RELAY_H
#define KATA_LIKE_AGENT_RELAY_H

#include <stdbool.h>

#include "lib/loop.h"

struct relay;

/* How the end of the input is passed on. */
enum relay_end {
	RELAY_END_CLOSE,    /* closing the descriptor is enough: a pipe */
	RELAY_END_SHUTDOWN, /* shutdown(2): a socket that carries the other direction too */
	RELAY_END_EOF_CHAR, /* the terminal's VEOF character: a pty master */
};

/*
 * Starts a relay, which owns both descriptors, also when it fails. They become non-blocking. Where
 * the input ends, or the receiver goes away, both are closed: the sender then sees its reader gone.
 */
int relay_new(struct loop *loop, int from_fd, int to_fd, enum relay_end end,
	      struct relay **ret_relay) _must_check_;

/* NULL is fine. What was read and not written is lost. */
void relay_free(struct relay *relay);

/* Whether it has ended by itself, and closed both descriptors. */
bool relay_ended(const struct relay *relay);

/*
 * Calls fn once (from the loop, or at once) when all that could be read at this moment has been
 * written, or never can be. What comes later is still relayed.
 */
void relay_drain(struct relay *relay, loop_fn *fn, void *ctx);

#endif
