/* SPDX-License-Identifier: Apache-2.0 */
/* Errors gain context on their way up. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "lib/err.h"

static void a_set_error_names_object_and_cause(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ENOENT, "cannot open kernel %s", "/x"), -ENOENT);
	assert_string_equal(err_text(&err), "cannot open kernel /x: No such file or directory");
}

static void each_level_puts_its_context_in_front(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	(void)err_say(&err, EINVAL, "bad magic");
	assert_int_equal(err_push(&err, "cannot boot %s", "vm"), -EINVAL);
	assert_int_equal(err_hint(&err, "try another"), -EINVAL);
	assert_string_equal(err_text(&err), "cannot boot vm: bad magic; try another");
}

static void a_null_error_still_returns_its_code(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(err_say(NULL, EPERM, "x"), -EPERM);
	assert_int_equal(err_push(NULL, "x"), -EIO);
	assert_string_equal(err_text(NULL), "unknown error");
}

static void a_text_that_is_too_long_is_cut_off(void **state)
{
	char huge[2 * ERR_TEXT_MAX];
	struct err err = ERR_INIT;

	(void)state;
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	(void)err_set(&err, EIO, "%s", huge);
	(void)err_push(&err, "%s", huge);
	assert_int_equal(strlen(err_text(&err)), ERR_TEXT_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_error_names_object_and_cause),
		cmocka_unit_test(each_level_puts_its_context_in_front),
		cmocka_unit_test(a_null_error_still_returns_its_code),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
