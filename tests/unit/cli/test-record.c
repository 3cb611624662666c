/* SPDX-License-Identifier: Apache-2.0 */
/* Records: made once, locked while attended, kept when wanted, gone when removed. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/record.h"
#include "lib/fd.h"

static int set_up(void **state)
{
	static char root[64];

	(void)snprintf(root, sizeof(root), "/tmp/kata-like-record-XXXXXX");
	assert_non_null(mkdtemp(root));
	assert_int_equal(setenv("KATA_LIKE_STATE", root, 1), 0);
	*state = root;
	return 0;
}

static int tear_down(void **state)
{
	return dir_remove(*state, NULL);
}

static bool exists(const char *root, const char *name)
{
	char path[PATHS_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return access(path, F_OK) == 0;
}

static void write_in(const struct record *record, const char *file, const char *text)
{
	char path[PATHS_MAX];

	assert_int_equal(record_path(record, file, path, NULL), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
}

static void an_id_is_taken_once(void **state)
{
	_cleanup_record_ struct record first = RECORD_INIT;
	struct record second;
	struct err err = ERR_INIT;

	assert_int_equal(record_create("ns", "one", &first, NULL), 0);
	assert_true(exists(*state, "ns/one/bundle"));
	assert_int_equal(record_create("ns", "one", &second, &err), -EEXIST);
	assert_non_null(strstr(err_text(&err), "kata-like delete one"));
	assert_true(exists(*state, "ns/one/bundle"));
	assert_int_equal(record_remove(&first, NULL), 0);
	assert_false(exists(*state, "ns"));
}

static void ids_that_are_paths_are_refused(void **state)
{
	struct record record;

	(void)state;
	assert_int_equal(record_create("ns", "../x", &record, NULL), -EINVAL);
	assert_int_equal(record_create("..", "x", &record, NULL), -EINVAL);
	assert_int_equal(record_open("ns", "none", &record, NULL), -ENOENT);
}

static void the_lock_tells_whether_someone_is_at_it(void **state)
{
	struct record record, other;

	(void)state;
	assert_int_equal(record_create("ns", "one", &record, NULL), 0);
	assert_int_equal(record_open("ns", "one", &other, NULL), 0);
	assert_true(record_is_attended(&other));
	record_fini(&record);
	assert_false(record_is_attended(&other));
	assert_int_equal(record_remove(&other, NULL), 0);
}

static void a_kept_record_has_logs_and_status_and_no_address(void **state)
{
	const struct record_exit written = { 137, 1700000000, 42 };
	struct record_exit read_back = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT;
	char address[PATHS_MAX];

	assert_int_equal(record_create("ns", "one", &record, NULL), 0);
	write_in(&record, "bundle/config.json", "{}");
	write_in(&record, "shim.log", "line\n");
	assert_int_equal(record_set_address(&record, "unix:///x", NULL), 0);
	assert_int_equal(record_address(&record, address, NULL), 0);
	assert_string_equal(address, "unix:///x");
	assert_int_equal(record_put_aside(&record, &written, NULL), 0);
	/* The shim removes its folder meanwhile. */
	assert_int_equal(dir_remove(record.folder, NULL), 0);
	assert_int_equal(record_restore(&record, NULL), 0);
	assert_int_equal(record_read_exit(&record, &read_back, NULL), 0);
	assert_int_equal(read_back.status, 137);
	assert_int_equal(read_back.exited_at_s, 1700000000);
	assert_int_equal(read_back.exited_at_ns, 42);
	assert_int_equal(record_address(&record, address, NULL), -ENOENT);
	assert_true(exists(*state, "ns/one/shim.log"));
	assert_true(exists(*state, "ns/one/bundle/config.json"));
	assert_false(exists(*state, "ns/.ended-one"));
	assert_int_equal(record_remove(&record, NULL), 0);
}

static void a_record_that_was_left_aside_comes_back(void **state)
{
	const struct record_exit written = { 3, 1700000000, 42 };
	struct record_exit read_back = { 0 };
	_cleanup_record_ struct record record = RECORD_INIT, next = RECORD_INIT;

	assert_int_equal(record_create("ns", "one", &record, NULL), 0);
	write_in(&record, "shim.log", "line\n");
	assert_int_equal(record_put_aside(&record, &written, NULL), 0);
	/* Not while there is one. */
	assert_int_equal(record_recover("ns", "one", NULL), 0);
	assert_int_equal(record_read_exit(&record, &read_back, NULL), -ENOENT);
	assert_int_equal(dir_remove(record.folder, NULL), 0);
	assert_int_equal(record_recover("ns", "one", NULL), 0);
	assert_int_equal(record_read_exit(&record, &read_back, NULL), 0);
	assert_int_equal(read_back.status, 3);
	assert_true(exists(*state, "ns/one/shim.log"));
	assert_false(exists(*state, "ns/.ended-one"));
	assert_int_equal(record_remove(&record, NULL), 0);
	/* And there may be none. */
	assert_int_equal(record_recover("ns", "one", NULL), 0);
	assert_int_equal(record_open("ns", "one", &next, NULL), -ENOENT);
}

static void members_of_a_pod_are_known_by_the_address(void **state)
{
	_cleanup_record_ struct record pod = RECORD_INIT, member = RECORD_INIT;

	(void)state;
	assert_int_equal(record_create("ns", "pod", &pod, NULL), 0);
	assert_int_equal(record_create("ns", "member", &member, NULL), 0);
	assert_int_equal(record_set_address(&pod, "unix:///pod", NULL), 0);
	assert_false(record_shares_shim(&pod, "unix:///pod"));
	assert_int_equal(record_set_address(&member, "unix:///pod\n", NULL), 0);
	assert_true(record_shares_shim(&pod, "unix:///pod"));
	assert_int_equal(record_remove(&pod, NULL), 0);
	assert_int_equal(record_remove(&member, NULL), 0);
}

static void the_list_is_sorted_and_shows_no_hidden_folders(void **state)
{
	_cleanup_record_ struct record b = RECORD_INIT, a = RECORD_INIT;
	char path[PATHS_MAX], **ids;
	size_t n;

	assert_int_equal(record_list("ns", &ids, &n, NULL), 0);
	assert_int_equal(n, 0);
	record_list_free(ids);
	assert_int_equal(record_create("ns", "b", &b, NULL), 0);
	assert_int_equal(record_create("ns", "a", &a, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/ns/.ended-c", (char *)*state);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(record_list("ns", &ids, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_string_equal(ids[0], "a");
	assert_string_equal(ids[1], "b");
	record_list_free(ids);
}

int main(void)
{
#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_STATE(an_id_is_taken_once),
		WITH_STATE(ids_that_are_paths_are_refused),
		WITH_STATE(the_lock_tells_whether_someone_is_at_it),
		WITH_STATE(a_kept_record_has_logs_and_status_and_no_address),
		WITH_STATE(a_record_that_was_left_aside_comes_back),
		WITH_STATE(members_of_a_pod_are_known_by_the_address),
		WITH_STATE(the_list_is_sorted_and_shows_no_hidden_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
