/* SPDX-License-Identifier: Apache-2.0 */
/* Mount options are sorted into what the kernel's calls take. */
#include "tests/unit/test.h"

#include <sys/mount.h>

#include <linux/mount.h>

#include "agent/mount/options.h"

static struct mount_options sort(char **list, size_t n)
{
	const struct oci_strings strings = { list, n };
	struct mount_options options;
	struct err err = ERR_INIT;

	assert_int_equal(mount_options_parse(&strings, &options, &err), 0);
	return options;
}

#define SORT(...) \
	sort((char *[]){ __VA_ARGS__, NULL }, sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))

static void attributes_and_data_are_told_apart(void **state)
{
	struct mount_options options = SORT("ro", "nosuid", "size=64k", "mode=755", "newinstance");

	(void)state;
	assert_int_equal(options.attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID);
	assert_int_equal(options.n_data, 3);
	assert_string_equal(options.data[0], "size=64k");
	assert_string_equal(options.data[2], "newinstance");
	mount_options_fini(&options);
}

static void one_string_may_hold_several_options(void **state)
{
	struct mount_options options = SORT("ro,size=1k,mode=700", "lowerdir=/a\\,b");

	(void)state;
	assert_int_equal(options.attr_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(options.n_data, 3);
	assert_string_equal(options.data[0], "size=1k");
	assert_string_equal(options.data[1], "mode=700");
	assert_string_equal(options.data[2], "lowerdir=/a\\,b");
	mount_options_fini(&options);
}

static void the_last_of_two_that_contradict_holds(void **state)
{
	struct mount_options options = SORT("ro", "rw", "suid", "nosuid");

	(void)state;
	assert_int_equal(options.attr_set, MOUNT_ATTR_NOSUID);
	assert_int_equal(options.attr_clear, MOUNT_ATTR_RDONLY);
	mount_options_fini(&options);
}

static void access_times_are_one_field(void **state)
{
	struct mount_options options = SORT("noatime", "strictatime");

	(void)state;
	assert_int_equal(options.attr_set, MOUNT_ATTR_STRICTATIME);
	assert_int_equal(options.attr_clear, MOUNT_ATTR__ATIME);
	mount_options_fini(&options);
}

static void recursive_attributes_are_kept_apart(void **state)
{
	struct mount_options options = SORT("rro", "rnoexec", "nodev");

	(void)state;
	assert_int_equal(options.recursive_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC);
	assert_int_equal(options.attr_set, MOUNT_ATTR_NODEV);
	mount_options_fini(&options);
}

static void binds_and_propagation_are_recognised(void **state)
{
	struct mount_options options = SORT("rbind", "rslave", "tmpcopyup", "ridmap", "x-custom");

	(void)state;
	assert_true(options.bind && options.recursive_bind);
	assert_int_equal(options.propagation, MS_SLAVE);
	assert_true(options.recursive_propagation);
	assert_true(options.copy_up);
	assert_int_equal(options.n_data, 0);
	mount_options_fini(&options);
}

static void flags_of_the_file_system_go_to_it(void **state)
{
	struct mount_options options = SORT("sync", "lazytime", "defaults", "async");

	(void)state;
	assert_int_equal(options.n_data, 2);
	assert_string_equal(options.data[0], "sync");
	mount_options_fini(&options);
}

static void a_propagation_has_flags(void **state)
{
	(void)state;
	assert_int_equal(mount_propagation_flags("rshared"), MS_SHARED | MS_REC);
	assert_int_equal(mount_propagation_flags("private"), MS_PRIVATE);
	assert_int_equal(mount_propagation_flags("ro"), 0);
	assert_int_equal(mount_propagation_flags(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_and_data_are_told_apart),
		cmocka_unit_test(one_string_may_hold_several_options),
		cmocka_unit_test(the_last_of_two_that_contradict_holds),
		cmocka_unit_test(access_times_are_one_field),
		cmocka_unit_test(recursive_attributes_are_kept_apart),
		cmocka_unit_test(binds_and_propagation_are_recognised),
		cmocka_unit_test(flags_of_the_file_system_go_to_it),
		cmocka_unit_test(a_propagation_has_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
