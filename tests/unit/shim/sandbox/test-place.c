/* SPDX-License-Identifier: Apache-2.0 */
/* What a cgroupsPath means. */
#include "shim/sandbox/place.h"

#include <errno.h>

#include "tests/unit/test.h"

static void expect(const char *cgroups_path, const char *folder)
{
	char path[PATHS_MAX];

	assert_int_equal(place_cgroup_path(cgroups_path, path, sizeof(path)), 0);
	assert_string_equal(path, folder);
}

static void a_path_is_one_below_the_root(void **state)
{
	(void)state;
	expect("/default/box", "/default/box");
	expect("default/box", "/default/box");
}

static void systemds_form_becomes_nested_slices(void **state)
{
	(void)state;
	expect("kubepods-burstable-pod12.slice:cri-containerd:abc",
	       "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/"
	       "cri-containerd-abc.scope");
	expect(":docker:abc", "/system.slice/docker-abc.scope");
	expect("-.slice::abc", "/abc.scope");
}

static void what_leads_elsewhere_is_refused(void **state)
{
	char path[PATHS_MAX], tiny[8];

	(void)state;
	assert_int_equal(place_cgroup_path("/a/../../b", path, sizeof(path)), -EINVAL);
	assert_int_equal(place_cgroup_path("nothing:a:b", path, sizeof(path)), -EINVAL);
	assert_int_equal(place_cgroup_path("/longer/than/that", tiny, sizeof(tiny)), -ENAMETOOLONG);
	assert_int_equal(place_cgroup_path("a-b-c.slice:x:y", tiny, sizeof(tiny)), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_one_below_the_root),
		cmocka_unit_test(systemds_form_becomes_nested_slices),
		cmocka_unit_test(what_leads_elsewhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
