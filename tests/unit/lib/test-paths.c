/* SPDX-License-Identifier: Apache-2.0 */
/* State and cache are where the environment says; ids are checked. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/paths.h"

static void state_is_where_the_environment_says(void **state)
{
	char path[PATHS_MAX];

	(void)state;
	setenv("KATA_LIKE_STATE", "/s", 1);
	assert_int_equal(paths_sandbox("ns", "id", "address", path, NULL), 0);
	assert_string_equal(path, "/s/ns/id/address");
	assert_int_equal(paths_sandbox("ns", "id", NULL, path, NULL), 0);
	assert_string_equal(path, "/s/ns/id");
	unsetenv("KATA_LIKE_STATE");
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	char path[PATHS_MAX], name[PATHS_MAX];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	setenv("KATA_LIKE_STATE", "/s", 1);
	assert_int_equal(paths_sandbox(name, "id", NULL, path, NULL), -ENAMETOOLONG);
	unsetenv("KATA_LIKE_STATE");
}

static void ids_that_could_leave_their_folder_are_refused(void **state)
{
	static const char *const bad[] = { "", ".", "..", "-x", "a/b", "a b", "a\n", "ä" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(paths_check_id("container", bad[i], &err), -EINVAL);
	assert_int_equal(paths_check_id("container", "web-1.2_x", &err), 0);
}

static void assert_refused(const char *folder, mode_t mode)
{
	struct err err = ERR_INIT;

	assert_int_equal(chmod(folder, mode), 0);
	assert_int_equal(paths_check_sandbox("ns", "id", &err), -EACCES);
	assert_non_null(strstr(err_text(&err), folder));
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(paths_check_sandbox("ns", "id", NULL), 0);
}

static void state_that_another_user_can_change_is_refused(void **state)
{
	char root[] = "/tmp/test-paths-XXXXXX";
	char namespace[PATHS_MAX], id[PATHS_MAX], link[PATHS_MAX];
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(root));
	setenv("KATA_LIKE_STATE", root, 1);
	(void)snprintf(namespace, sizeof(namespace), "%s/ns", root);
	assert_int_equal(paths_sandbox("ns", "id", NULL, id, &err), 0);
	assert_int_equal(paths_sandbox("ns", "link", NULL, link, &err), 0);
	/* None of it, or some, need be there. */
	assert_int_equal(paths_check_sandbox("ns", "id", &err), 0);
	assert_int_equal(mkdir(namespace, 0755), 0);
	assert_int_equal(paths_check_sandbox("ns", "id", &err), 0);
	assert_int_equal(mkdir(id, 0700), 0);
	assert_refused(root, 0777);
	assert_refused(namespace, 0770);
	assert_refused(namespace, 01777);
	assert_refused(id, 0702);
	/* As /tmp is. */
	assert_int_equal(chmod(root, 01777), 0);
	assert_int_equal(paths_check_sandbox("ns", "id", &err), 0);
	assert_int_equal(symlink(id, link), 0);
	assert_int_equal(paths_check_sandbox("ns", "link", &err), 0);
	if (geteuid() == 0) {
		assert_int_equal(lchown(link, 12345, 12345), 0);
		assert_int_equal(paths_check_sandbox("ns", "link", &err), -EACCES);
		assert_int_equal(chown(namespace, 12345, 12345), 0);
		assert_int_equal(paths_check_sandbox("ns", "id", &err), -EACCES);
		assert_int_equal(chown(namespace, 0, 0), 0);
	}
	assert_int_equal(dir_remove(root, NULL), 0);
	unsetenv("KATA_LIKE_STATE");
}

static void a_missing_guest_file_says_what_makes_it(void **state)
{
	char path[PATHS_MAX];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(paths_guest("no-such-kernel", path, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "make guest"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_is_where_the_environment_says),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
		cmocka_unit_test(ids_that_could_leave_their_folder_are_refused),
		cmocka_unit_test(state_that_another_user_can_change_is_refused),
		cmocka_unit_test(a_missing_guest_file_says_what_makes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
