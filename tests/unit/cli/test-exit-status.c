/* SPDX-License-Identifier: Apache-2.0 */
/* Which status a failure ends with. */
#include "tests/unit/test.h"

#include <errno.h>
#include <signal.h>

#include "cli/exit-status.h"

static int status_of(enum exit_stage stage, int code, int noted_signal)
{
	struct err err = { .code = code };

	return exit_status_of_failure(stage, &err, noted_signal);
}

static void a_missing_command_is_127_and_one_that_cannot_run_126(void **state)
{
	(void)state;
	assert_int_equal(status_of(EXIT_STAGE_START, -ENOENT, 0), 127);
	assert_int_equal(status_of(EXIT_STAGE_START, -EACCES, 0), 126);
}

static void everything_else_that_fails_is_125(void **state)
{
	(void)state;
	assert_int_equal(status_of(EXIT_STAGE_PREPARE, -ENOENT, 0), 125);
	assert_int_equal(status_of(EXIT_STAGE_PREPARE, -EACCES, 0), 125);
	assert_int_equal(status_of(EXIT_STAGE_START, -ECONNRESET, 0), 125);
	assert_int_equal(status_of(EXIT_STAGE_PREPARE, -EINTR, 0), 125);
}

static void a_signal_before_the_command_runs_is_128_and_its_number(void **state)
{
	(void)state;
	assert_int_equal(status_of(EXIT_STAGE_PREPARE, -EINTR, SIGINT), 130);
	assert_int_equal(status_of(EXIT_STAGE_START, -EINTR, SIGTERM), 143);
	assert_int_equal(status_of(EXIT_STAGE_START, -ENOENT, SIGTERM), 127);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_command_is_127_and_one_that_cannot_run_126),
		cmocka_unit_test(everything_else_that_fails_is_125),
		cmocka_unit_test(a_signal_before_the_command_runs_is_128_and_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
