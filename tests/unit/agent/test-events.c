/* SPDX-License-Identifier: Apache-2.0 */
/* Events wait for the shim, in order, and one that waits already is not doubled. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/events.h"

struct taken {
	char ids[4][16];
	uint64_t kills[4];
	size_t n;
};

static void take(void *ctx, const char *container_id, uint64_t oom_kills)
{
	struct taken *taken = ctx;

	taken->kills[taken->n] = oom_kills;
	(void)snprintf(taken->ids[taken->n++], sizeof(taken->ids[0]), "%s", container_id);
}

static struct events *make(void)
{
	struct events *events = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(events_new(&events, &err), 0);
	return events;
}

static void an_event_waits_for_the_call(void **state)
{
	struct events *events = make();
	struct taken taken = { .n = 0 };

	(void)state;
	events_add_oom(events, "a", 1);
	events_add_oom(events, "b", 1);
	assert_int_equal(events_next(events, take, &taken), 0);
	assert_int_equal(events_next(events, take, &taken), 0);
	assert_int_equal(taken.n, 2);
	assert_string_equal(taken.ids[0], "a");
	assert_string_equal(taken.ids[1], "b");
	events_free(events);
}

static void the_call_waits_for_an_event(void **state)
{
	struct events *events = make();
	struct taken taken = { .n = 0 };

	(void)state;
	assert_int_equal(events_next(events, take, &taken), 0);
	assert_int_equal(taken.n, 0);
	assert_int_equal(events_next(events, take, &taken), -EBUSY);
	events_add_oom(events, "a", 1);
	events_add_oom(events, "b", 1);
	assert_int_equal(taken.n, 1);
	assert_string_equal(taken.ids[0], "a");
	events_free(events);
}

static void many_kills_of_one_container_are_one_event(void **state)
{
	struct events *events = make();
	struct taken taken = { .n = 0 };

	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		events_add_oom(events, "a", i);
	assert_int_equal(events_next(events, take, &taken), 0);
	assert_int_equal(events_next(events, take, &taken), 0);
	assert_int_equal(taken.n, 1);
	assert_int_equal(taken.kills[0], 1000);
	events_free(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_waits_for_the_call),
		cmocka_unit_test(the_call_waits_for_an_event),
		cmocka_unit_test(many_kills_of_one_container_are_one_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
