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
	_cleanup_free_ char *text = NULL;
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/config.json", dir);
	assert_true(asprintf(&text,
			     "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
			     "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]},"
			     "\"annotations\":{%s}}",
			     annotations) > 0);
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
	static const char *const names[] = {
		"\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.sandbox-"
		"id\"",
		"\"io.kubernetes.cri-o.ContainerType\":\"container\","
		"\"io.kubernetes.cri-o.SandboxID\"",
		"\"io.kubernetes.docker.type\":\"container\",\"io.kubernetes.sandbox.id\"",
		"\"io.containerd.runc.v2.group\""
	};
	static const char *const ids[] = { "",	    ".",	  "..",	    "...",     "../x",
					   "a/b",   "/etc",	  "a/../b", "a/",      "a\\nb",
					   "a\\n",  "\\u001b[2J", "a b",    " a",      "-id",
					   "_a",    "a\\tb",	  "a\\\\b", "a:b",     "a*",
					   "$(id)", "a;id",	  "a%s%n",  "\\u00e9", "\\u202ea",
					   "%2e%2e" };
	char *long_id = malloc((1 << 20) + 1);
	char id[128];

	(void)state;
	assert_non_null(long_id);
	memset(long_id, 'a', 1 << 20);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *annotations = NULL;

		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			_cleanup_free_ char *hostile = NULL;

			assert_true(asprintf(&hostile, "%s:\"%s\"", names[i], ids[k]) > 0);
			if (find(hostile, id, sizeof(id)) != -EINVAL)
				fail_msg("%s became \"%s\"", hostile, id);
		}
		/* It is never cut into another one. */
		for (size_t len = 77; len <= 1 << 20; len *= 116) {
			long_id[len] = '\0';
			free(TAKE_PTR(annotations));
			assert_true(asprintf(&annotations, "%s:\"%s\"", names[i], long_id) > 0);
			assert_int_equal(find(annotations, id, sizeof(id)), -EINVAL);
			long_id[len] = 'a';
		}
	}
	free(long_id);
}

/* Whether it is one, Create tells; it does not bring the container into another pod. */
static void what_is_no_id_leads_to_no_other_pod(void **state)
{
	(void)state;
	expect("\"io.containerd.runc.v2.group\":7", "own");
	expect("\"io.containerd.runc.v2.group\":[\"pod\"]", "own");
	expect("\"io.containerd.runc.v2.group\":\"pod\\u0000/..\"", "own");
	expect("\"io.containerd.runc.v2.group\\u0000\":\"pod\"", "own");
	/* Who says that it is the sandbox is no member of another. */
	expect("\"io.kubernetes.cri.container-type\":\"sandbox\","
	       "\"io.kubernetes.cri.sandbox-id\":\"pod\"",
	       "own");
	expect("\"io.kubernetes.cri.container-type\":\"CONTAINER\","
	       "\"io.kubernetes.cri.sandbox-id\":\"pod\"",
	       "own");
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
		cmocka_unit_test(what_is_no_id_leads_to_no_other_pod),
		cmocka_unit_test(no_bundle_is_no_error),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return dir_remove(dir, NULL) < 0 ? 1 : failed;
}
