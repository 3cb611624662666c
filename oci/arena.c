/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is handed out in pieces and given back at once. */
#include "oci/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#define ARENA_BLOCK_BYTES 4000u

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	alignas(max_align_t) char bytes[];
};

static struct arena_block *arena_grow(struct arena *arena, size_t bytes)
{
	size_t room = MAX(bytes, (size_t)ARENA_BLOCK_BYTES);
	struct arena_block *block = calloc(1, sizeof(*block) + room);

	if (!block)
		return NULL;
	block->room = room;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t n, size_t element_bytes)
{
	struct arena_block *block = arena->blocks;
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, element_bytes, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->room - block->used < bytes)
		block = arena_grow(arena, bytes);
	if (!block)
		return NULL;
	p = block->bytes + block->used;
	block->used += bytes;
	return p;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy = arena_alloc(arena, len + 1, 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

void arena_fini(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}
