/* SPDX-License-Identifier: Apache-2.0 */
/* The options of overlays that do not fit, and who shares a mount with whom. */
#include "shim/rootfs/snapshot.h"

#include <limits.h>
#include <string.h>

#include "shim/rootfs/prepare.h"
#include "tests/unit/test.h"

static void folders_are_told_from_the_one_they_are_all_in(void **state)
{
	char options[] = "index=off,workdir=/var/s/30/work,upperdir=/var/s/30/fs,"
			 "lowerdir=/var/s/2/fs:/var/s/1/fs";
	char dir[PATH_MAX];

	(void)state;
	assert_true(snapshot_shorten(options, dir));
	assert_string_equal(dir, "/var/s/");
	assert_string_equal(options, "index=off,workdir=30/work,upperdir=30/fs,lowerdir=2/fs:1/fs");
}

static void one_folder_is_told_from_its_parent(void **state)
{
	char options[] = "lowerdir=/a/b/c:/a/b/d";
	char dir[PATH_MAX];

	(void)state;
	assert_true(snapshot_shorten(options, dir));
	assert_string_equal(dir, "/a/b/");
	assert_string_equal(options, "lowerdir=c:d");
}

static void folders_without_a_common_one_stay(void **state)
{
	char options[] = "lowerdir=/a/b:/c/d", none[] = "size=1m,mode=0700";
	char dir[PATH_MAX];

	(void)state;
	assert_false(snapshot_shorten(options, dir));
	assert_string_equal(options, "lowerdir=/a/b:/c/d");
	assert_false(snapshot_shorten(none, dir));
	assert_string_equal(none, "size=1m,mode=0700");
}

static void one_source_is_shared_once_but_never_by_more_than_it_may(void **state)
{
	const struct prepared_share known[] = {
		{ .id = { .dev = 1, .ino = 2, .readonly = true }, .number = 10 },
		{ .id = { .dev = 1, .ino = 3 }, .number = 11 },
		{ .number = 12 }, /* a root */
	};
	const struct share_id reader = { .dev = 1, .ino = 2, .readonly = true };
	const struct share_id writer = { .dev = 1, .ino = 2 };
	const struct share_id reader_of_writable = { .dev = 1, .ino = 3, .readonly = true };
	const struct share_id recursive = { .dev = 1, .ino = 3, .recursive = true };
	const struct share_id root = { 0 };

	(void)state;
	assert_ptr_equal(prepare_find(known, 3, &reader), &known[0]);
	assert_null(prepare_find(known, 3, &writer));
	assert_ptr_equal(prepare_find(known, 3, &reader_of_writable), &known[1]);
	assert_null(prepare_find(known, 3, &recursive));
	assert_null(prepare_find(known, 3, &root));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_are_told_from_the_one_they_are_all_in),
		cmocka_unit_test(one_folder_is_told_from_its_parent),
		cmocka_unit_test(folders_without_a_common_one_stay),
		cmocka_unit_test(one_source_is_shared_once_but_never_by_more_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
