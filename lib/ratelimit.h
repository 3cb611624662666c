/* SPDX-License-Identifier: Apache-2.0 */
/* A limit on how often something may be said: a burst, then one an interval. */
#ifndef KATA_LIKE_LIB_RATELIMIT_H
#define KATA_LIKE_LIB_RATELIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct ratelimit {
	uint32_t burst;	      /* how many may come at once */
	uint32_t interval_ms; /* how long until one more may come */
	uint32_t used;
	uint32_t suppressed; /* refused since the last one that was let through */
	int64_t last_ms;
};

#define RATELIMIT_INIT(n, ms) ((struct ratelimit){ .burst = (n), .interval_ms = (ms) })

/*
 * True if one more may come now (now_ms: any monotonic clock). ret_suppressed, if not NULL, gets
 * how many were refused since the last time it said yes. Not thread-safe: the owner's lock covers
 * it.
 */
bool ratelimit_allow(struct ratelimit *limit, int64_t now_ms, uint32_t *ret_suppressed);

#endif
