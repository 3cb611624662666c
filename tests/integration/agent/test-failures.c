/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be made fails with its step and cause, by the agent's own answer, and leaves nothing.
 */
#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>

#include "agent/container/container.h"
#include "tests/integration/agent/pod.h"

#define LINUX(more)                                                                              \
	",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"}" \
	"]" more "}"
#define NAMESPACES(more) ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}" more "}"
#define MOUNTS(more)	 ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"}," more "]"
#define MAP(from, size)	 "{\"containerID\":" from ",\"hostID\":100000,\"size\":" size "}"

static int set_up(void **state)
{
	*state = pod_new();
	return 0;
}

static int tear_down(void **state)
{
	pod_free(*state);
	return 0;
}

static int check_clean(void **state)
{
	return pod_is_clean(*state) ? 0 : -1;
}

static const struct {
	const char *process, *rest; /* of config.json */
	const char *message;	    /* how the error begins */
} failures[] = {
	{ "", LINUX(",\"resources\":{\"unified\":{\"memory.fancy\":\"1\"}}"),
	  "setting up the cgroup: cannot set memory.fancy" },
	{ "",
	  LINUX(",\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/nowhere\","
		"\"syscalls\":[{\"names\":[\"getppid\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}"),
	  "finding the seccomp listener: cannot connect to listenerPath /nowhere" },
	{ "", ",\"root\":{\"path\":\"/nowhere\"}", "mounting the root file system: " },
	{ "",
	  MOUNTS("{\"destination\":\"/m\",\"type\":\"bind\",\"source\":\"/nowhere\",\"options\":["
		 "\"bind\",\"idmap\"]}"),
	  "preparing the mounts: cannot mount /m: " },
	{ "", NAMESPACES(",{\"type\":\"ipc\",\"path\":\"/proc/self/ns/mnt\"}]"),
	  "joining namespaces: " },
	{ "",
	  NAMESPACES(",{\"type\":\"user\"}],\"uidMappings\":[" MAP("0", "10") "," MAP(
		  "5", "10") "],\"gidMappings\":[" MAP("0", "10") "]"),
	  "entering the user namespace: cannot map ids as linux.uidMappings" },
	{ "",
	  NAMESPACES(",{\"type\":\"time\"}],\"timeOffsets\":{\"boottime\":{\"secs\":-1000000000}}"),
	  "making namespaces: " },
	{ "", ",\"hostname\":\"x\"" NAMESPACES("]"),
	  "setting the host name: a host name needs a uts namespace" },
	{ "", MOUNTS("{\"destination\":\"/x\",\"type\":\"nofs\"}"),
	  "mounting: cannot mount nofs on /x: the kernel has no file system \"nofs\"" },
	{ "", LINUX(",\"devices\":[{\"path\":\"/bin/sh\",\"type\":\"c\",\"major\":1,\"minor\":3}]"),
	  "making devices: cannot make device /bin/sh" },
	{ "", ",\"hooks\":{\"createContainer\":[{\"path\":\"/nowhere\"}]}", "running hooks: " },
	{ "", LINUX(",\"sysctl\":{\"kernel.domainname.x\":\"1\"}"), "setting kernel parameters: " },
	{ ",\"cwd\":\"/etc/passwd/x\"", "", "making the working directory: " },
	{ ",\"apparmorProfile\":\"strict\"", "",
	  "checking the security labels: apparmorProfile \"strict\" cannot be set" },
	{ ",\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1099511627776,\"hard\":1099511627776}"
	  "]",
	  "", "raising limits: cannot raise RLIMIT_NOFILE to 1099511627776" },
};

static void each_step_of_a_create_fails_by_its_name_and_leaves_nothing(void **state)
{
	struct pod *pod = *state;
	size_t descriptors = 0;

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		_cleanup_free_ char *config =
			pod_config(pod, "true", failures[i].process, failures[i].rest);
		struct pod_answer answer;

		assert_int_not_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
		if (strncmp(answer.message, failures[i].message, strlen(failures[i].message)) != 0)
			fail_msg("\"%s\" does not begin: %s", answer.message, failures[i].message);
		assert_true(pod_is_clean(pod));
		/* The streams of the first stay with the test. */
		if (i == 0)
			descriptors = pod_count_descriptors();
		assert_int_equal(pod_count_descriptors(), descriptors);
	}
}

static void the_id_of_a_failed_create_is_free_again(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *bad = pod_config(pod, "true", "", failures[0].rest);
	_cleanup_free_ char *good = pod_config(pod, "true", "", "");
	struct pod_answer answer;

	assert_int_not_equal(pod_create(pod, "c", bad, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_create(pod, "c", good, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_create(pod, "c", good, 4, false, &answer), TTRPC_ALREADY_EXISTS);
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 128 + SIGKILL);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void a_missing_program_fails_the_start_and_says_so(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "true", ",\"args\":[\"nosuch\"]", "");
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", &answer), TTRPC_NOT_FOUND);
	assert_string_equal(answer.message, "unable to start container process: exec: \"nosuch\": "
					    "executable file not found in $PATH");
	assert_int_equal(pod_wait(pod, "c", ""), 127);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

/* The answer comes when the process was reaped: nothing waits for a time, or for the container. */
static void an_exec_that_fails_says_so_and_is_forgotten(void **state)
{
	static const struct {
		const char *process, *message;
		int code;
	} execs[] = {
		{ "{\"cwd\":\"/\",\"args\":[\"nosuch\"]}",
		  "unable to start container process: exec: \"nosuch\": executable file not found "
		  "in $PATH",
		  TTRPC_NOT_FOUND },
		{ "{\"cwd\":\"/\",\"args\":[\"/etc/passwd\"]}",
		  "unable to start container process: exec: \"/etc/passwd\": Permission denied",
		  TTRPC_PERMISSION_DENIED },
		{ "{\"cwd\":\"/nowhere\",\"args\":[\"true\"]}",
		  "entering the working directory: cannot enter /nowhere", TTRPC_NOT_FOUND },
	};
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "sleep 1000", "", "");
	const struct container *container;
	struct pod_answer answer;
	size_t descriptors = 0;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", &answer), TTRPC_OK);
	container = pod->agent.engine.containers;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(execs); i++) {
		size_t kind = i % ARRAY_SIZE(execs);

		assert_int_equal(pod_exec(pod, "c", "e", execs[kind].process, 4, false, &answer),
				 execs[kind].code);
		if (strncmp(answer.message, execs[kind].message, strlen(execs[kind].message)) != 0)
			fail_msg("\"%s\" does not begin: %s", answer.message, execs[kind].message);
		assert_int_equal(pod_wait(pod, "c", "e"), -TTRPC_NOT_FOUND);
		assert_null(container->execs);
		if (i == 0)
			descriptors = pod_count_descriptors();
		assert_int_equal(pod_count_descriptors(), descriptors);
	}
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 128 + SIGKILL);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, NULL, check_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(each_step_of_a_create_fails_by_its_name_and_leaves_nothing),
		CLEAN(the_id_of_a_failed_create_is_free_again),
		CLEAN(a_missing_program_fails_the_start_and_says_so),
		CLEAN(an_exec_that_fails_says_so_and_is_forgotten),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
