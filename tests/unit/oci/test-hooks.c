/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks get the state and only their own environment, and what goes wrong with one is told. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "oci/hooks.h"

static const struct oci_state state = {
	.id = "box", .status = "creating", .bundle = "/bundle", .pid = 42
};

/* Runs a shell script as the one hook, with a timeout in seconds if that is not 0. */
static int run(const char *path, const char *script, int timeout_s, struct err *err)
{
	char text[1024], timeout[32] = "";
	struct oci_spec *spec = NULL;
	int r;

	if (timeout_s)
		(void)snprintf(timeout, sizeof(timeout), ",\"timeout\":%d", timeout_s);
	(void)snprintf(
		text, sizeof(text),
		"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"/\"},\"annotations\":{\"a\":\"b\"},"
		"\"hooks\":{\"prestart\":[{\"path\":\"%s\",\"args\":[\"sh\",\"-c\",\"%s\"],"
		"\"env\":[\"A=1\"]%s}]}}",
		path, script, timeout);
	assert_int_equal(oci_spec_parse(text, strlen(text), &spec, err), 0);
	r = oci_hooks_run(&spec->hooks.prestart, "prestart", spec, &state, err);
	oci_spec_free(spec);
	return r;
}

static void expect_failure(const char *script, int timeout_s, int code, const char *message)
{
	struct err err = ERR_INIT;

	assert_int_equal(run("/bin/sh", script, timeout_s, &err), code);
	assert_string_equal(err_text(&err), message);
}

static void state_and_environment_arrive(void **unused)
{
	struct err err = ERR_INIT;

	(void)unused;
	/* What a hook writes is shown only when it fails. */
	expect_failure(
		"cat; echo; /usr/bin/env | grep -v -e PWD -e SHLVL -e _=; exit 3", 0, -EIO,
		"prestart hook /bin/sh: it ended with status 3: "
		"{\"ociVersion\":\"1.2.0\",\"id\":\"box\",\"status\":\"creating\",\"pid\":42,"
		"\"bundle\":\"/bundle\",\"annotations\":{\"a\":\"b\"}}\nA=1");
	assert_int_equal(run("/bin/sh", "echo said; exit 0", 0, &err), 0);
}

static void failures_are_named(void **unused)
{
	struct err err = ERR_INIT;

	(void)unused;
	expect_failure("exit 1", 0, -EIO, "prestart hook /bin/sh: it ended with status 1");
	expect_failure("kill -9 $$", 0, -EIO, "prestart hook /bin/sh: it was ended by signal 9");
	assert_int_equal(run("/nothing-here", "", 0, &err), -EIO);
	assert_string_equal(err_text(&err),
			    "prestart hook /nothing-here: it ended with status 127: "
			    "cannot execute it: No such file or directory");
}

static void only_the_end_of_much_output_is_kept(void **unused)
{
	struct err err = ERR_INIT;

	(void)unused;
	assert_int_equal(run("/bin/sh", "seq 1 100000; echo the end; exit 2", 0, &err), -EIO);
	assert_non_null(strstr(err_text(&err), "100000\nthe end"));
	assert_true(strlen(err_text(&err)) < 400);
}

static void a_late_one_is_killed_with_its_group(void **unused)
{
	int64_t start_ms = clock_monotonic_ms();

	(void)unused;
	/* The inner one holds the pipe as well: waiting for its end would take a minute. */
	expect_failure("sleep 60 & echo begun; sleep 60", 1, -ETIMEDOUT,
		       "prestart hook /bin/sh: it took longer than 1 seconds");
	assert_true(clock_monotonic_ms() - start_ms < 20000);
}

static void what_one_leaves_behind_is_not_waited_for(void **unused)
{
	int64_t start_ms = clock_monotonic_ms();
	struct err err = ERR_INIT;

	(void)unused;
	assert_int_equal(run("/bin/sh", "sleep 30 & exit 0", 0, &err), 0);
	assert_true(clock_monotonic_ms() - start_ms < 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_and_environment_arrive),
		cmocka_unit_test(failures_are_named),
		cmocka_unit_test(only_the_end_of_much_output_is_kept),
		cmocka_unit_test(a_late_one_is_killed_with_its_group),
		cmocka_unit_test(what_one_leaves_behind_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
