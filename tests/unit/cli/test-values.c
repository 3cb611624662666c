/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, counts, processors, signals and mounts as people write them. */
#include "tests/unit/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>

#include "cli/values.h"

static void sizes_are_bytes_with_a_unit_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1", 1 },
		{ "512b", 512 },
		{ "128M", 128u << 20 },
		{ "128m", 128u << 20 },
		{ "128MiB", 128u << 20 },
		{ "128MB", 128u << 20 },
		{ "2G", 2ull << 30 },
		{ "4k", 4096 },
		{ "1T", 1ull << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215T", 16777215ull << 40 },
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(value_size("--memory", good[i].text, &bytes, NULL), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const bad[] = {
		"",	     "0",   "M",   "-1",  "+1", " 1",	"1 M",
		"1.5G",	     "12X", "1MX", "1bB", "0G", "0x10", "18446744073709551616",
		"16777216T",
	};
	struct err err;
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err = ERR_INIT;
		assert_true(value_size("--memory", bad[i], &bytes, &err) < 0);
		assert_non_null(strstr(err_text(&err), "--memory"));
	}
}

static void counts_keep_to_their_bounds(void **state)
{
	uint64_t count;

	(void)state;
	assert_int_equal(value_count("--cpus", "4", 1, 8, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_int_equal(value_count("--cpus", "0", 1, 8, &count, NULL), -ERANGE);
	assert_int_equal(value_count("--cpus", "9", 1, 8, &count, NULL), -ERANGE);
	assert_int_equal(value_count("--cpus", "4x", 1, 8, &count, NULL), -EINVAL);
	assert_int_equal(value_count("--cpus", "", 1, 8, &count, NULL), -EINVAL);
}

static void processors_may_be_fractions(void **state)
{
	uint64_t millis;

	(void)state;
	assert_int_equal(value_cpus("--cpus", "1.5", &millis, NULL), 0);
	assert_int_equal(millis, 1500);
	assert_int_equal(value_cpus("--cpus", "0.25", &millis, NULL), 0);
	assert_int_equal(millis, 250);
	assert_int_equal(value_cpus("--cpus", "2", &millis, NULL), 0);
	assert_int_equal(millis, 2000);
	assert_int_equal(value_cpus("--cpus", "0", &millis, NULL), -EINVAL);
	assert_int_equal(value_cpus("--cpus", "0.0001", &millis, NULL), -EINVAL);
	assert_int_equal(value_cpus("--cpus", "1,5", &millis, NULL), -EINVAL);
}

static void signals_go_by_name_or_number(void **state)
{
	static const char *const term[] = { "TERM", "SIGTERM", "term", "sigterm", "15" };
	static const char *const bad[] = { "", "SIG", "0", "65", "-9", "9x", "TERMINATE" };
	uint32_t number;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(term); i++) {
		assert_int_equal(value_signal(term[i], &number, NULL), 0);
		assert_int_equal(number, SIGTERM);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(value_signal(bad[i], &number, NULL), -EINVAL);
	assert_int_equal(value_signal("64", &number, NULL), 0);
}

static void real_time_signals_count_from_their_ends(void **state)
{
	const struct {
		const char *text;
		int number;
	} good[] = { { "SIGRTMIN+3", SIGRTMIN + 3 },
		     { "rtmin", SIGRTMIN },
		     { "RTMAX", SIGRTMAX },
		     { "RTMAX-1", SIGRTMAX - 1 } };
	static const char *const bad[] = { "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+31", "RTMIN3" };
	uint32_t number;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(value_signal(good[i].text, &number, NULL), 0);
		assert_int_equal(number, good[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(value_signal(bad[i], &number, NULL), -EINVAL);
}

static void check_mount(const char *text, const char *expected)
{
	struct json_object *mount;

	assert_int_equal(value_mount(text, &mount, NULL), 0);
	assert_string_equal(json_object_to_json_string_ext(
				    mount, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
			    expected);
	json_object_put(mount);
}

static void mounts_become_what_config_json_says(void **state)
{
	(void)state;
	check_mount("type=bind,source=/usr/../usr,target=/mnt,ro",
		    "{\"destination\":\"/mnt\",\"type\":\"bind\",\"source\":\"/usr\","
		    "\"options\":[\"rbind\",\"ro\"]}");
	check_mount("src=/usr,dst=/mnt,nosuid",
		    "{\"destination\":\"/mnt\",\"type\":\"bind\",\"source\":\"/usr\","
		    "\"options\":[\"nosuid\",\"rbind\",\"rw\"]}");
	check_mount("type=tmpfs,target=/scratch,size=64m,mode=1777",
		    "{\"destination\":\"/scratch\",\"type\":\"tmpfs\",\"source\":\"tmpfs\","
		    "\"options\":[\"size=64m\",\"mode=1777\",\"rw\"]}");
}

static void mounts_that_say_too_little_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"type=bind,target=/mnt",
		"type=tmpfs",
		"type=tmpfs,target=mnt",
		"type=bind,source=/usr,target=/mnt,ro,rw",
	};
	struct json_object *mount;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(value_mount(bad[i], &mount, NULL), -EINVAL);
	assert_int_equal(value_mount("source=/nowhere/at/all,target=/mnt", &mount, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_bytes_with_a_unit_of_1024),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(counts_keep_to_their_bounds),
		cmocka_unit_test(processors_may_be_fractions),
		cmocka_unit_test(signals_go_by_name_or_number),
		cmocka_unit_test(real_time_signals_count_from_their_ends),
		cmocka_unit_test(mounts_become_what_config_json_says),
		cmocka_unit_test(mounts_that_say_too_little_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
