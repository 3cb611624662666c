/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way to the shim. */
#include "agent/events.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"

struct event {
	struct event *next;
	uint64_t oom_kills;
	char container_id[];
};

struct events {
	struct event *first;
	events_take_fn *fn;
	void *ctx;
};

int events_new(struct events **ret_events, struct err *err)
{
	*ret_events = calloc(1, sizeof(**ret_events));
	return *ret_events ? 0 : err_set(err, ENOMEM, "cannot make the events");
}

void events_free(struct events *events)
{
	if (!events)
		return;
	while (events->first) {
		struct event *next = events->first->next;

		free(events->first);
		events->first = next;
	}
	free(events);
}

static void deliver(struct events *events)
{
	struct event *event = events->first;
	events_take_fn *fn = events->fn;

	if (!event || !fn)
		return;
	events->first = event->next;
	events->fn = NULL;
	fn(events->ctx, event->container_id, event->oom_kills);
	free(event);
}

void events_add_oom(struct events *events, const char *container_id, uint64_t oom_kills)
{
	struct event **at = &events->first;
	size_t id_size = strlen(container_id) + 1;
	struct event *event;

	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->container_id, container_id) == 0) {
			(*at)->oom_kills = oom_kills;
			return;
		}
	}
	event = calloc(1, sizeof(*event) + id_size);
	if (!event) {
		log_error("an OOM event of container %s is lost: no memory", container_id);
		return;
	}
	event->oom_kills = oom_kills;
	memcpy(event->container_id, container_id, id_size);
	*at = event;
	deliver(events);
}

int events_next(struct events *events, events_take_fn *fn, void *ctx)
{
	if (events->fn)
		return -EBUSY;
	events->fn = fn;
	events->ctx = ctx;
	deliver(events);
	return 0;
}
