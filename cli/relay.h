/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies one descriptor to another through a bounded buffer, on the event loop: reads only when the
 * buffer is empty, so a slow reader slows the writer down and nothing piles up.
 *
 * Descriptors may be anything. Their O_NONBLOCK is not touched (they may be shared with the shell):
 * a source is read once each time it is ready; a sink gets no more at once than it takes without
 * blocking, or is opened anew for that.
 */
#ifndef KATA_LIKE_CLI_RELAY_H
#define KATA_LIKE_CLI_RELAY_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"

struct relay;

/*
 * Called once, from the loop: 0 when the source has ended and all of it is written, or the -errno
 * that ended it (-EPIPE: the sink's reader has gone). Freeing the relay there is fine.
 */
typedef void relay_done_fn(void *ctx, int result);

/*
 * Both descriptors stay the caller's, and open until the relay is freed. A source that is a FIFO
 * may not have a writer yet: that is not its end.
 */
int relay_new(struct loop *loop, int source_fd, int sink_fd, relay_done_fn *done, void *ctx,
	      struct relay **ret_relay, struct err *err) _must_check_;
void relay_free(struct relay *relay);

/* Whether read bytes wait for a slow sink. */
bool relay_is_blocked(const struct relay *relay);
/* How many bytes have been written so far. */
uint64_t relay_written(const struct relay *relay);

#endif
