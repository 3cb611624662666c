/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is handed out in pieces and given back at once: what a parsed config.json lives in.
 */
#ifndef KATA_LIKE_OCI_ARENA_H
#define KATA_LIKE_OCI_ARENA_H

#include <stddef.h>

#include "lib/cleanup.h"

struct arena_block;

/* Start with ARENA_INIT. */
struct arena {
	struct arena_block *blocks;
};

#define ARENA_INIT ((struct arena){ NULL })

/* Zeroed memory for n elements, aligned for any type; NULL when there is none left. */
void *arena_alloc(struct arena *arena, size_t n, size_t element_bytes) _must_check_;

/* A copy of len bytes with a NUL behind them, or NULL. */
char *arena_strndup(struct arena *arena, const char *text, size_t len) _must_check_;

/* Gives everything back. */
void arena_fini(struct arena *arena);

#endif
