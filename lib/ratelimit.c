/* SPDX-License-Identifier: Apache-2.0 */
/* A leaking bucket: each interval gives one use back, up to the burst. */
#include "lib/ratelimit.h"

bool ratelimit_allow(struct ratelimit *limit, int64_t now_ms, uint32_t *ret_suppressed)
{
	int64_t intervals = limit->interval_ms ? (now_ms - limit->last_ms) / limit->interval_ms : 0;

	if (intervals > 0) {
		limit->used = intervals >= limit->used ? 0 : limit->used - (uint32_t)intervals;
		limit->last_ms += intervals * limit->interval_ms;
	}
	if (limit->used >= limit->burst) {
		limit->suppressed++;
		return false;
	}
	limit->used++;
	if (ret_suppressed)
		*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
