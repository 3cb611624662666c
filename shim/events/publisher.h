/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands events to containerd, in order and each once: by ttrpc, or where containerd gave no address
 * for that by its own command (`containerd publish`). While containerd is away they are kept, and
 * handed over when it is back; the queue is bounded, and the oldest go first when it is full.
 */
#ifndef KATA_LIKE_SHIM_EVENTS_PUBLISHER_H
#define KATA_LIKE_SHIM_EVENTS_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

struct publisher;

/* Strings are copied; "" for what is not known. */
struct publisher_target {
	const char *namespace;
	const char *ttrpc_address; /* a path, with or without unix:// */
	const char *grpc_address;  /* for the command */
	const char *binary;	   /* the command */
};

/* *ret_publisher is NULL when the target names no way to publish: all functions take that. */
int publisher_new(struct loop *loop, const struct publisher_target *target,
		  struct publisher **ret_publisher, struct err *err) _must_check_;
/* What is still queued is lost. NULL is fine. */
void publisher_free(struct publisher *publisher);

/* Queues an event: topic "/tasks/exit", type "containerd.events.TaskExit", the packed message. */
void publisher_send(struct publisher *publisher, const char *topic, const char *type,
		    const uint8_t *packed, size_t len_bytes);

/*
 * Calls done once the queue is empty, or when timeout_ms are over; from the loop. Once at a time.
 */
void publisher_flush(struct publisher *publisher, int64_t timeout_ms, loop_fn *done, void *ctx);

#endif
