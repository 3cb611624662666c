/* SPDX-License-Identifier: Apache-2.0 */
/* Which pod a container belongs to. */
#include "shim/pod.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

static char dir[] = "/tmp/pod-test.XXXXXX";

static int find(const char *annotations, char *ret_id, size_t size)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	(void)snprintf(text, sizeof(text),
		       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
		       "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]},\"annotations\":{%s}}",
		       annotations);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
	return pod_find(dir, "own", ret_id, size, NULL);
}

static void expect(const char *annotations, const char *sandbox)
{
	char id[128];

	assert_int_equal(find(annotations, id, sizeof(id)), 0);
	assert_string_equal(id, sandbox);
}

static void each_way_of_grouping_is_known(void **state)
{
	(void)state;
	expect("\"io.kubernetes.cri.container-type\":\"container\","
	       "\"io.kubernetes.cri.sandbox-id\":\"pod1\"",
	       "pod1");
	expect("\"io.kubernetes.cri-o.ContainerType\":\"container\","
	       "\"io.kubernetes.cri-o.SandboxID\":\"pod2\"",
	       "pod2");
	expect("\"io.kubernetes.docker.type\":\"container\","
	       "\"io.kubernetes.sandbox.id\":\"pod3\"",
	       "pod3");
	expect("\"io.containerd.runc.v2.group\":\"pod4\"", "pod4");
}

static void a_sandbox_and_a_lone_container_are_their_own(void **state)
{
	(void)state;
	expect("", "own");
	expect("\"io.kubernetes.cri.container-type\":\"sandbox\","
	       "\"io.kubernetes.cri.sandbox-id\":\"own\"",
	       "own");
	expect("\"io.kubernetes.cri.container-type\":\"container\"", "own");
}

static void a_pods_id_cannot_leave_its_folder(void **state)
{
	char id[128];

	(void)state;
	assert_int_equal(find("\"io.containerd.runc.v2.group\":\"../x\"", id, sizeof(id)), -EINVAL);
}

static void no_bundle_is_no_error(void **state)
{
	char id[128];

	(void)state;
	assert_int_equal(pod_find("/no/such/bundle", "own", id, sizeof(id), NULL), 0);
	assert_string_equal(id, "own");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way_of_grouping_is_known),
		cmocka_unit_test(a_sandbox_and_a_lone_container_are_their_own),
		cmocka_unit_test(a_pods_id_cannot_leave_its_folder),
		cmocka_unit_test(no_bundle_is_no_error),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return dir_remove(dir, NULL) < 0 ? 1 : failed;
}
