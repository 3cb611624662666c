/* SPDX-License-Identifier: Apache-2.0 */
/* A burst, then one an interval. */
#include "tests/unit/test.h"

#include "lib/ratelimit.h"

static void a_burst_passes_and_then_one_an_interval(void **state)
{
	struct ratelimit limit = RATELIMIT_INIT(3, 1000);
	uint32_t suppressed = 7;
	unsigned passed = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		passed += ratelimit_allow(&limit, 5000, NULL);
	assert_int_equal(passed, 3);
	assert_true(ratelimit_allow(&limit, 6000, &suppressed));
	assert_int_equal(suppressed, 7);
	assert_false(ratelimit_allow(&limit, 6999, NULL));
	assert_true(ratelimit_allow(&limit, 7000, NULL));
}

static void a_long_quiet_time_gives_the_whole_burst_back(void **state)
{
	struct ratelimit limit = RATELIMIT_INIT(2, 10);

	(void)state;
	assert_true(ratelimit_allow(&limit, 10, NULL));
	assert_true(ratelimit_allow(&limit, 10, NULL));
	assert_false(ratelimit_allow(&limit, 10, NULL));
	assert_true(ratelimit_allow(&limit, 1000000, NULL));
	assert_true(ratelimit_allow(&limit, 1000000, NULL));
	assert_false(ratelimit_allow(&limit, 1000000, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_and_then_one_an_interval),
		cmocka_unit_test(a_long_quiet_time_gives_the_whole_burst_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
