/* SPDX-License-Identifier: Apache-2.0 */
/* A queue for what must not happen at once. */
#include "shim/sandbox/turns.h"

#include <stdbool.h>
#include <stdlib.h>

struct turn {
	struct turns *turns;
	struct turn *next;
	loop_fn *fn;
	void *ctx;
	struct loop_source *timer; /* fires at once: a call that cannot fail when its time comes */
};

static void has_come(void *ctx)
{
	struct turn *turn = ctx;

	turn->fn(turn->ctx);
}

struct turn *turns_take(struct turns *turns, loop_fn *fn, void *ctx)
{
	struct turn *turn = calloc(1, sizeof(*turn));
	struct turn **last = &turns->first;

	if (!turn)
		return NULL;
	*turn = (struct turn){ .turns = turns, .fn = fn, .ctx = ctx };
	if (loop_add_timer(turns->loop, has_come, turn, &turn->timer) < 0) {
		free(turn);
		return NULL;
	}
	while (*last)
		last = &(*last)->next;
	*last = turn;
	if (turns->first == turn)
		loop_timer_arm(turn->timer, 0);
	return turn;
}

void turn_end(struct turn *turn)
{
	struct turns *turns;
	bool had_it;

	if (!turn)
		return;
	turns = turn->turns;
	had_it = turns->first == turn;
	for (struct turn **at = &turns->first; *at; at = &(*at)->next) {
		if (*at == turn) {
			*at = turn->next;
			break;
		}
	}
	loop_source_free(turn->timer);
	free(turn);
	if (had_it && turns->first)
		loop_timer_arm(turns->first->timer, 0);
}
