/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte queue: written at its end, consumed at its front. */
#ifndef KATA_LIKE_LIB_BYTES_H
#define KATA_LIKE_LIB_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

/* All zeroes is a valid, empty queue. data + start are the first of len bytes. */
struct bytes {
	uint8_t *data;
	size_t start, len, room;
};

void bytes_fini(struct bytes *bytes);

/* Room for len more bytes behind the end, or NULL (out of memory). Valid until the next call. */
uint8_t *bytes_reserve(struct bytes *bytes, size_t len) _must_check_;
/* Counts len bytes of what bytes_reserve() gave as written. */
void bytes_commit(struct bytes *bytes, size_t len);
/* Both at once with a copy. 0 or -ENOMEM. */
int bytes_append(struct bytes *bytes, const void *data, size_t len) _must_check_;

static inline uint8_t *bytes_front(const struct bytes *bytes)
{
	return bytes->data + bytes->start;
}

/* Drops len bytes from the front; frees the memory when that empties a queue larger than a page. */
void bytes_consume(struct bytes *bytes, size_t len);

#endif
