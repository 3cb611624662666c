/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to the shim, which always has one call waiting for the next. */
#ifndef KATA_LIKE_AGENT_EVENTS_H
#define KATA_LIKE_AGENT_EVENTS_H

#include "lib/err.h"

struct events;

/* Takes the event (container_id lives for the call). */
typedef void events_take_fn(void *ctx, const char *container_id);

int events_new(struct events **ret_events, struct err *err) _must_check_;
void events_free(struct events *events);

/* Adds an OOM event. One for a container that has one waiting already is merged with it. */
void events_add_oom(struct events *events, const char *container_id);

/* Calls fn once with the next event, at once or later. -EBUSY while another is waiting. */
int events_next(struct events *events, events_take_fn *fn, void *ctx) _must_check_;

#endif
