/* SPDX-License-Identifier: Apache-2.0 */
/* Values of config.json become those of cgroup v2 as the other OCI runtimes have it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/container/cgroup-convert.h"

static const char *value_of(const struct oci_resources *resources, const char *file)
{
	static struct cgroup_setting settings[CGROUP_SETTINGS_MAX];
	struct err err = ERR_INIT;
	size_t n = 0;

	if (cgroup_convert(resources, settings, &n, &err) < 0)
		fail_msg("%s", err_text(&err));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(settings[i].file, file) == 0)
			return settings[i].value;
	}
	return NULL;
}

static int convert_fails(const struct oci_resources *resources, struct err *err)
{
	struct cgroup_setting settings[CGROUP_SETTINGS_MAX];
	size_t n;

	*err = ERR_INIT;
	return cgroup_convert(resources, settings, &n, err);
}

static void shares_become_a_weight(void **state)
{
	(void)state;
	assert_int_equal(cgroup_weight_from_shares(0), 0);
	assert_int_equal(cgroup_weight_from_shares(1), 1);
	assert_int_equal(cgroup_weight_from_shares(2), 1);
	assert_int_equal(cgroup_weight_from_shares(1024), 39);
	assert_int_equal(cgroup_weight_from_shares(262144), 10000);
	assert_int_equal(cgroup_weight_from_shares(UINT64_MAX), 10000);
}

static void a_block_weight_becomes_an_io_weight(void **state)
{
	(void)state;
	assert_int_equal(cgroup_io_weight_from_blkio(0), 0);
	assert_int_equal(cgroup_io_weight_from_blkio(10), 1);
	assert_int_equal(cgroup_io_weight_from_blkio(500), 4950);
	assert_int_equal(cgroup_io_weight_from_blkio(1000), 10000);
}

static void swap_loses_the_memory_that_v1_counts_with_it(void **state)
{
	struct oci_memory memory = { .limit = { true, 100 }, .swap = { true, 150 } };
	const struct oci_resources resources = { .memory = &memory };
	struct err err;

	(void)state;
	assert_string_equal(value_of(&resources, "memory.max"), "100");
	assert_string_equal(value_of(&resources, "memory.swap.max"), "50");
	memory.swap.value = 100;
	assert_string_equal(value_of(&resources, "memory.swap.max"), "0");
	memory.swap.value = -1;
	assert_string_equal(value_of(&resources, "memory.swap.max"), "max");
	memory.swap.value = 99;
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "below memory.limit"));
}

static void memory_without_a_limit_has_swap_without_one(void **state)
{
	struct oci_memory memory = { .limit = { true, -1 } };
	const struct oci_resources resources = { .memory = &memory };
	struct err err;

	(void)state;
	assert_string_equal(value_of(&resources, "memory.max"), "max");
	assert_string_equal(value_of(&resources, "memory.swap.max"), "max");
	memory = (struct oci_memory){ .swap = { true, 5 } };
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
}

static void zero_is_not_given(void **state)
{
	struct oci_memory memory = { .limit = { true, 0 }, .reservation = { true, 0 } };
	struct oci_cpu cpu = { .shares = { true, 0 }, .quota = { true, 0 } };
	const struct oci_resources resources = { .memory = &memory,
						 .cpu = &cpu,
						 .pids_limit = { true, 0 } };

	(void)state;
	assert_null(value_of(&resources, "memory.max"));
	assert_null(value_of(&resources, "memory.low"));
	assert_null(value_of(&resources, "cpu.weight"));
	assert_null(value_of(&resources, "cpu.max"));
	assert_null(value_of(&resources, "pids.max"));
}

static void a_quota_has_the_period_behind_it(void **state)
{
	struct oci_cpu cpu = { .quota = { true, 5000 } };
	const struct oci_resources resources = { .cpu = &cpu };

	(void)state;
	assert_string_equal(value_of(&resources, "cpu.max"), "5000 100000");
	cpu.period = (struct oci_uint){ true, 20000 };
	assert_string_equal(value_of(&resources, "cpu.max"), "5000 20000");
	cpu.quota.value = -1;
	assert_string_equal(value_of(&resources, "cpu.max"), "max 20000");
}

static void an_idle_group_gets_no_weight(void **state)
{
	struct oci_cpu cpu = { .shares = { true, 1024 }, .idle = { true, 1 } };
	const struct oci_resources resources = { .cpu = &cpu };

	(void)state;
	assert_string_equal(value_of(&resources, "cpu.idle"), "1");
	assert_null(value_of(&resources, "cpu.weight"));
	cpu.idle.value = 0;
	assert_string_equal(value_of(&resources, "cpu.weight"), "39");
}

static void devices_and_huge_pages_keep_their_names(void **state)
{
	struct oci_throttle_device device = { 8, 16, 1000 };
	struct oci_block_io io = { .write_iops = { &device, 1 } };
	struct oci_hugepage_limit limit = { (char *)"2MB", 4096 };
	const struct oci_resources resources = { .block_io = &io,
						 .hugepage_limits = &limit,
						 .n_hugepage_limits = 1,
						 .pids_limit = { true, -1 } };

	(void)state;
	assert_string_equal(value_of(&resources, "io.max"), "8:16 wiops=1000");
	assert_string_equal(value_of(&resources, "hugetlb.2MB.max"), "4096");
	assert_string_equal(value_of(&resources, "pids.max"), "max");
}

static void what_cgroup_v2_lacks_is_refused(void **state)
{
	struct oci_memory memory = { .disable_oom_killer = true };
	struct oci_cpu cpu = { .realtime_runtime = { true, 5 } };
	struct oci_resources resources = { .memory = &memory };
	struct err err;

	(void)state;
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
	resources = (struct oci_resources){ .cpu = &cpu };
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
	memory = (struct oci_memory){ .swappiness = { true, 60 } };
	resources = (struct oci_resources){ .memory = &memory };
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
	assert_string_equal(err_text(&err),
			    "resources: memory.swappiness has no counterpart in cgroup v2");
	resources = (struct oci_resources){ .network_class_id = { true, 1 } };
	assert_int_equal(convert_fails(&resources, &err), -EINVAL);
}

static void more_settings_than_there_is_room_for_are_refused(void **state)
{
	struct oci_throttle_device devices[CGROUP_SETTINGS_MAX] = { 0 };
	struct oci_block_io io = { .read_bps = { devices, CGROUP_SETTINGS_MAX } };
	const struct oci_resources resources = { .block_io = &io };
	struct err err;

	(void)state;
	assert_int_equal(convert_fails(&resources, &err), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_become_a_weight),
		cmocka_unit_test(a_block_weight_becomes_an_io_weight),
		cmocka_unit_test(swap_loses_the_memory_that_v1_counts_with_it),
		cmocka_unit_test(memory_without_a_limit_has_swap_without_one),
		cmocka_unit_test(zero_is_not_given),
		cmocka_unit_test(a_quota_has_the_period_behind_it),
		cmocka_unit_test(an_idle_group_gets_no_weight),
		cmocka_unit_test(devices_and_huge_pages_keep_their_names),
		cmocka_unit_test(what_cgroup_v2_lacks_is_refused),
		cmocka_unit_test(more_settings_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
