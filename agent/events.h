/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to the shim, which always has one call waiting for the next. */
#ifndef KATA_LIKE_AGENT_EVENTS_H
#define KATA_LIKE_AGENT_EVENTS_H

#include <stdint.h>

#include "lib/err.h"

struct events;

/* Takes the event (container_id lives for the call). */
typedef void events_take_fn(void *ctx, const char *container_id, uint64_t oom_kills);

int events_new(struct events **ret_events, struct err *err) _must_check_;
void events_free(struct events *events);

/*
 * Adds an OOM event: oom_kills is the number of all kills in the container. An event that waits
 * already is brought up to date instead.
 */
void events_add_oom(struct events *events, const char *container_id, uint64_t oom_kills);

/* Calls fn once with the next event, at once or later. -EBUSY while another is waiting. */
int events_next(struct events *events, events_take_fn *fn, void *ctx) _must_check_;

#endif
