/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's command line. */
#include "shim/options.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static int parse(struct options *options, struct err *err, const char *const *words)
{
	char *argv[16] = { (char *)"shim" };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	*err = ERR_INIT;
	return options_parse(argc, argv, options, err);
}

#define PARSE(options, err, ...) parse(options, err, (const char *const[]){ __VA_ARGS__, NULL })

static void every_form_of_a_flag_is_taken(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-namespace", "k8s.io", "--address=/run/c.sock", "-id=abc",
			       "--bundle", "/b", "-debug", "start"),
			 0);
	assert_int_equal(o.action, OPTIONS_ACTION_START);
	assert_string_equal(o.namespace, "k8s.io");
	assert_string_equal(o.address, "/run/c.sock");
	assert_string_equal(o.id, "abc");
	assert_string_equal(o.bundle, "/b");
	assert_true(o.debug);
}

static void an_empty_value_is_a_value(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(
		PARSE(&o, &err, "-address", "", "-publish-binary", "", "-id", "x", "delete"), 0);
	assert_int_equal(o.action, OPTIONS_ACTION_DELETE);
	assert_string_equal(o.address, "");
	assert_string_equal(o.namespace, "default");
	assert_false(o.debug);
}

static void info_and_version_need_no_id(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-info"), 0);
	assert_int_equal(o.action, OPTIONS_ACTION_INFO);
	assert_int_equal(PARSE(&o, &err, "-v"), 0);
	assert_int_equal(o.action, OPTIONS_ACTION_VERSION);
	assert_int_equal(PARSE(&o, &err, "--version"), 0);
	assert_int_equal(o.action, OPTIONS_ACTION_VERSION);
}

static void what_is_wrong_is_named(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-idd", "x", "start"), -EINVAL);
	assert_non_null(strstr(err.text, "-idd"));
	assert_int_equal(PARSE(&o, &err, "-id"), -EINVAL);
	assert_non_null(strstr(err.text, "needs a value"));
	assert_int_equal(PARSE(&o, &err, "-id", "x", "begin"), -EINVAL);
	assert_non_null(strstr(err.text, "begin"));
	assert_int_equal(PARSE(&o, &err, "-id", "x", "start", "more"), -EINVAL);
	assert_non_null(strstr(err.text, "more"));
	assert_int_equal(PARSE(&o, &err, "-id", "x", "-debug=maybe", "start"), -EINVAL);
	assert_int_equal(PARSE(&o, &err, "-id", "x"), -EINVAL);
}

static void an_id_that_is_a_path_is_refused(void **state)
{
	struct options o;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&o, &err, "-id", "../x", "start"), -EINVAL);
	assert_int_equal(PARSE(&o, &err, "-id", "x", "-namespace", "a/b", "start"), -EINVAL);
	assert_int_equal(PARSE(&o, &err, "start"), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_of_a_flag_is_taken),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(info_and_version_need_no_id),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(an_id_that_is_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
