/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are made to reach out of their container, or to stop the agent, do not. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"
#include "tests/integration/agent/pod.h"

#define LINUX "\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"}]}"

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

/* A path in the image. */
static const char *in_root(const struct pod *pod, const char *path)
{
	static char full[256];

	(void)snprintf(full, sizeof(full), "%s%s", pod->root, path);
	return full;
}

static void remove_from_root(const struct pod *pod, const char *path)
{
	assert_int_equal(dir_remove(in_root(pod, path), NULL), 0);
}

/* Creates a container that cannot be made. */
static void expect_refusal(struct pod *pod, const char *process_extra, const char *extra,
			   const char *part)
{
	_cleanup_free_ char *config = pod_config(pod, "true", process_extra, extra);
	struct pod_answer answer;
	int code = pod_create(pod, "c", config, 0, false, &answer);

	assert_int_not_equal(code, TTRPC_OK);
	if (!strstr(answer.message, part))
		fail_msg("\"%s\" is not in: %s", part, answer.message);
}

static void a_link_as_mount_point_leads_nowhere_outside(void **state)
{
	struct pod *pod = *state;
	char outside[] = "/tmp/test-agent-outside-XXXXXX";
	const char *mounts = ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"},"
			     "{\"destination\":\"/link\",\"type\":\"tmpfs\"},{\"destination\":\"/"
			     "up/x\",\"type\":\"tmpfs\"}]";
	_cleanup_dir_ DIR *dir = NULL;

	assert_non_null(mkdtemp(outside));
	assert_int_equal(symlink(outside, in_root(pod, "/link")), 0);
	assert_int_equal(symlink("../../../../../..", in_root(pod, "/up")), 0);
	assert_int_equal(pod_run(pod, "touch /link/inside && touch /x/inside", "", mounts), 0);
	dir = opendir(outside);
	for (const struct dirent *entry; (entry = readdir(dir));)
		assert_int_equal(entry->d_name[0], '.');
	assert_int_not_equal(access("/x", F_OK), 0);
	assert_int_equal(rmdir(outside), 0);
	remove_from_root(pod, "/link");
	remove_from_root(pod, "/up");
}

static void proc_behind_a_link_is_refused(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(rmdir(in_root(pod, "/proc")), 0);
	assert_int_equal(symlink("tmp", in_root(pod, "/proc")), 0);
	expect_refusal(pod, "", "", "reached through a link");
	remove_from_root(pod, "/proc");
	assert_int_equal(mkdir(in_root(pod, "/proc"), 0755), 0);
}

static void the_root_itself_cannot_be_covered(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(symlink("/", in_root(pod, "/self")), 0);
	expect_refusal(pod, "", ",\"mounts\":[{\"destination\":\"/self\",\"type\":\"tmpfs\"}]",
		       "the mount point is the container's root");
	expect_refusal(pod, "", ",\"mounts\":[{\"destination\":\"/..\",\"type\":\"tmpfs\"}]",
		       "the mount point is the container's root");
	remove_from_root(pod, "/self");
}

static void a_working_directory_behind_a_descriptor_is_refused(void **state)
{
	struct pod *pod = *state;

	for (int fd = 3; fd < 20; fd++) {
		char cwd[64];
		_cleanup_free_ char *config = NULL;
		struct pod_answer answer;

		(void)snprintf(cwd, sizeof(cwd), ",\"cwd\":\"/proc/self/fd/%d\"", fd);
		config = pod_config(pod, "ls ../..", cwd, "");
		assert_int_not_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	}
}

static void no_descriptor_of_the_agents_reaches_the_program(void **state)
{
	struct pod *pod = *state;

	/* The one beside 0, 1 and 2 is the directory that ls itself reads. */
	assert_int_equal(
		pod_run(pod,
			"ls /proc/self/fd | wc -l; sleep 9 & sleep 0.1; ls /proc/$!/fd | wc -l", "",
			"," LINUX),
		0);
	assert_string_equal(pod_text(pod, 1), "4\n3\n");
}

static void a_device_of_the_image_is_not_taken_for_another(void **state)
{
	struct pod *pod = *state;
	const char *mounts = ",\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\"}]";

	remove_from_root(pod, "/dev");
	assert_int_equal(mkdir(in_root(pod, "/dev"), 0755), 0);
	assert_int_equal(symlink("/etc/passwd", in_root(pod, "/dev/null")), 0);
	expect_refusal(pod, "", mounts, "cannot make device /dev/null");
	remove_from_root(pod, "/dev/null");
	assert_int_equal(mknod(in_root(pod, "/dev/null"), S_IFCHR | 0666, makedev(1, 1)), 0);
	expect_refusal(pod, "", mounts, "cannot make device /dev/null");
	remove_from_root(pod, "/dev");
	assert_int_equal(mkdir(in_root(pod, "/dev"), 0755), 0);
}

static void a_pipe_in_place_of_passwd_is_not_waited_for(void **state)
{
	struct pod *pod = *state;

	remove_from_root(pod, "/etc/passwd");
	assert_int_equal(mkfifo(in_root(pod, "/etc/passwd"), 0644), 0);
	assert_int_equal(pod_run(pod, "echo $HOME", "", ""), 0);
	assert_string_equal(pod_text(pod, 1), "/\n");
	remove_from_root(pod, "/etc/passwd");
	assert_int_equal(file_write_atomic(in_root(pod, "/etc/passwd"), "", 0, 0644, NULL), 0);
}

static void a_masked_path_cannot_lead_outside(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(symlink("/bin/busybox", in_root(pod, "/hidden")), 0);
	/* The link is followed inside, and what it names there is what gets masked. */
	assert_int_equal(
		pod_run(pod, "true", "", ",\"linux\":{\"maskedPaths\":[\"/../../../../hidden\"]}"),
		-TTRPC_PERMISSION_DENIED);
	assert_int_equal(access("/bin/sh", X_OK), 0);
	remove_from_root(pod, "/hidden");
}

static void a_program_that_is_the_agent_itself_does_not_run(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config =
		pod_config(pod, "true", ",\"args\":[\"/proc/self/exe\"]", "," LINUX);
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	/* Here it is a dynamic program, whose loader the image has not; in a guest it says it is no
	 * program. */
	if (pod_start(pod, "c", &answer) == TTRPC_OK)
		assert_int_not_equal(pod_wait(pod, "c", ""), 0);
	else
		assert_int_not_equal(pod_wait(pod, "c", ""), 0);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void orphans_by_the_thousand_are_reaped(void **state)
{
	struct pod *pod = *state;

	/* Without a pid namespace they become children of whoever is the subreaper, or of init. */
	assert_int_equal(
		pod_run(pod, "i=0; while [ $i -lt 2000 ]; do (true &); i=$((i+1)); done; echo $i",
			"", ""),
		0);
	assert_string_equal(pod_text(pod, 1), "2000\n");
}

/* Puts the program of tests/integration/hostile-image.c into the image. */
static void add_hostile_program(const struct pod *pod)
{
	const char *path = getenv("KATA_LIKE_HOSTILE_IMAGE");
	char command[512];

	assert_non_null(path);
	(void)snprintf(command, sizeof(command), "install -m 4755 %s %s", path,
		       in_root(pod, "/hostile"));
	assert_int_equal(system(command), 0);
}

static void start(struct pod *pod, const char *id, const char *command, const char *process_extra,
		  int base)
{
	_cleanup_free_ char *config = pod_config(pod, command, process_extra, "," LINUX);
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, id, config, base, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, id, &answer), TTRPC_OK);
}

static void finish(struct pod *pod, const char *id)
{
	assert_int_equal(pod_kill(pod, id, "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, id, ""), 128 + SIGKILL);
	assert_int_equal(pod_delete(pod, id, NULL), TTRPC_OK);
}

static void ten_thousand_processes_stop_nobody(void **state)
{
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct pod *pod = *state;

	add_hostile_program(pod);
	start(pod, "crowd", "exec /hostile crowd 10000", "", 4);
	while (!strchr(pod_text(pod, 5), '\n'))
		(void)pod_run_until(pod, &(bool){ false }, 10);
	assert_string_equal(pod_text(pod, 5), "10000 of 10000 live: all\n");
	/* Neither a neighbour nor the container's own calls are held up. */
	assert_int_equal(pod_run(pod, "echo here", "", ""), 0);
	assert_string_equal(pod_text(pod, 1), "here\n");
	request.container_id = (char *)"crowd";
	assert_int_equal(pod_call(pod, "ListProcesses", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_call(pod, "StatsContainer", &request.base, NULL), TTRPC_OK);
	finish(pod, "crowd");
	remove_from_root(pod, "/hostile");
}

static void a_set_user_id_program_gains_what_it_may(void **state)
{
	struct pod *pod = *state;
	const char *user = ",\"user\":{\"uid\":1000,\"gid\":1000},\"capabilities\":{"
			   "\"bounding\":[\"CAP_KILL\"]}";
	const char *strict = ",\"user\":{\"uid\":1000,\"gid\":1000},\"capabilities\":{"
			     "\"bounding\":[\"CAP_KILL\"]},\"noNewPrivileges\":true";

	add_hostile_program(pod);
	assert_int_equal(pod_run(pod, "/hostile identity", user, ""), 0);
	assert_string_equal(pod_text(pod, 1), "uid 0, capabilities 0000000000000020\n");
	assert_int_equal(pod_run(pod, "/hostile identity", strict, ""), 0);
	assert_string_equal(pod_text(pod, 1), "uid 1000, capabilities 0000000000000000\n");
	remove_from_root(pod, "/hostile");
}

static void an_exec_in_a_directory_behind_a_descriptor_is_refused(void **state)
{
	struct pod *pod = *state;

	start(pod, "c", "sleep 1000", "", 0);
	for (int fd = 3; fd < 20; fd++) {
		char process[160];

		(void)snprintf(process, sizeof(process),
			       "{\"cwd\":\"/proc/self/fd/%d\",\"env\":[\"PATH=/bin\"],"
			       "\"args\":[\"ls\",\"../..\"]}",
			       fd);
		assert_int_not_equal(pod_exec(pod, "c", "e", process, 4, false, NULL), TTRPC_OK);
	}
	finish(pod, "c");
}

static void a_config_that_is_noise_is_an_error(void **state)
{
	static const char *const texts[] = { "",
					     "null",
					     "[]",
					     "{}",
					     "{\"ociVersion\":7}",
					     "\xff\xfe",
					     "{\"ociVersion\":\"1.0\",\"root\":[]}" };
	struct pod *pod = *state;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct pod_answer answer;

		assert_int_equal(pod_create(pod, "c", texts[i], 0, false, &answer),
				 TTRPC_INVALID_ARGUMENT);
		assert_non_null(strstr(answer.message, "config.json: "));
	}
}

static void an_id_cannot_be_a_path(void **state)
{
	static const char *const ids[] = { "", "..", "a/b", "/", ".hidden" };
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "true", "", "");

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(pod_create(pod, ids[i], config, 0, false, NULL),
				 TTRPC_INVALID_ARGUMENT);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, NULL, check_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(a_link_as_mount_point_leads_nowhere_outside),
		CLEAN(proc_behind_a_link_is_refused),
		CLEAN(the_root_itself_cannot_be_covered),
		CLEAN(a_working_directory_behind_a_descriptor_is_refused),
		CLEAN(no_descriptor_of_the_agents_reaches_the_program),
		CLEAN(a_device_of_the_image_is_not_taken_for_another),
		CLEAN(a_pipe_in_place_of_passwd_is_not_waited_for),
		CLEAN(a_masked_path_cannot_lead_outside),
		CLEAN(a_program_that_is_the_agent_itself_does_not_run),
		CLEAN(an_exec_in_a_directory_behind_a_descriptor_is_refused),
		CLEAN(a_set_user_id_program_gains_what_it_may),
		CLEAN(orphans_by_the_thousand_are_reaped),
		CLEAN(ten_thousand_processes_stop_nobody),
		CLEAN(a_config_that_is_noise_is_an_error),
		CLEAN(an_id_cannot_be_a_path),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
