/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's containers through its RPC: create, start, exec, signals, states, failures. */
#include "tests/unit/test.h"

#include <signal.h>
#include <string.h>

#include "common.pb-c.h"
#include "lib/fd.h"
#include "tests/integration/agent/pod.h"

#define EXEC(args) "{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[" args "]}"

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

/* Every test leaves the machine as it was. */
static int check_clean(void **state)
{
	const struct pod *pod = *state;

	return pod_is_clean(pod) ? 0 : -1;
}

static void start_sleeper(struct pod *pod, const char *id, int base)
{
	_cleanup_free_ char *config =
		pod_config(pod, "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done", "",
			   ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{"
			   "\"type\":\"ipc\"},"
			   "{\"type\":\"uts\"},{\"type\":\"cgroup\"}]}");
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, id, config, base, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, id, &answer), TTRPC_OK);
	while (!strstr(pod_text(pod, base + 1), "up"))
		(void)pod_run_until(pod, &(bool){ false }, 10);
}

static void finish(struct pod *pod, const char *id, int signal_number, int status)
{
	assert_int_equal(pod_kill(pod, id, "", signal_number, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, id, ""), status);
	assert_int_equal(pod_delete(pod, id, NULL), TTRPC_OK);
}

static void a_program_runs_and_its_status_and_output_come_back(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(pod_run(pod, "echo out; echo err >&2; exit 42", "", ""), 42);
	assert_string_equal(pod_text(pod, 1), "out\n");
	assert_string_equal(pod_text(pod, 2), "err\n");
}

static void a_signal_is_128_and_its_number(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(pod_run(pod, "kill -SEGV $$", "", ""), 128 + SIGSEGV);
}

static void a_created_container_ends_by_any_signal(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(
		pod, "echo never", "", ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}");
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_FAILED_PRECONDITION);
	finish(pod, "c", SIGTERM, 128 + SIGTERM);
	assert_string_equal(pod_text(pod, 1), "");
}

static void a_handler_of_the_program_gets_its_signal(void **state)
{
	struct pod *pod = *state;

	start_sleeper(pod, "c", 0);
	finish(pod, "c", SIGTERM, 9);
}

static void what_has_ended_cannot_be_signalled(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(pod_kill(pod, "none", "", SIGTERM, false), TTRPC_NOT_FOUND);
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_kill(pod, "c", "none", SIGTERM, false), TTRPC_NOT_FOUND);
	assert_int_equal(pod_kill(pod, "c", "", 1000, false), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_int_equal(pod_kill(pod, "c", "", SIGTERM, false), TTRPC_NOT_FOUND);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void an_exec_joins_the_container(void **state)
{
	struct pod *pod = *state;
	struct pod_answer answer;

	start_sleeper(pod, "c", 0);
	assert_int_equal(
		pod_exec(pod, "c", "e",
			 EXEC("\"sh\",\"-c\",\"cat /proc/1/cmdline | tr '\\\\000' ' '; "
			      "[ $(readlink /proc/self/ns/pid) = $(readlink /proc/1/ns/pid) ] && "
			      "echo same; "
			      "cat /proc/self/cgroup; exit 5\""),
			 4, false, &answer),
		TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 5);
	assert_true(pod_run_until(pod, &pod->streams[5].ended, 5000));
	assert_non_null(strstr(pod_text(pod, 5), "trap 'exit 9' TERM"));
	assert_non_null(strstr(pod_text(pod, 5), "same\n"));
	assert_non_null(strstr(pod_text(pod, 5), "0::/\n"));
	finish(pod, "c", SIGTERM, 9);
}

static void an_exec_is_deleted_once_it_has_ended(void **state)
{
	KataLike__Agent__V1__ProcessRequest request = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	struct pod *pod = *state;
	struct pod_answer answer;

	request.container_id = (char *)"c";
	request.exec_id = (char *)"e";
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_exec(pod, "c", "e", EXEC("\"sleep\",\"100\""), 4, false, &answer),
			 TTRPC_OK);
	assert_true(answer.pid > 0);
	assert_int_equal(pod_call(pod, "DeleteProcess", &request.base, NULL),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(pod_exec(pod, "c", "e", EXEC("\"true\""), 8, false, &answer),
			 TTRPC_ALREADY_EXISTS);
	assert_int_equal(pod_kill(pod, "c", "e", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 137);
	assert_int_equal(pod_call(pod, "DeleteProcess", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_call(pod, "DeleteProcess", &request.base, NULL), TTRPC_NOT_FOUND);
	finish(pod, "c", SIGTERM, 9);
}

static void the_end_of_the_init_ends_everything(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "setsid sleep 1000 & exit 3", "", "");
	struct pod_answer answer;

	/* Without a pid namespace only the cgroup knows what belongs together. */
	assert_int_equal(pod_create(pod, "c", config, 0, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", &answer), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 3);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void an_exec_ends_before_its_container_is_told_to_have_ended(void **state)
{
	KataLike__Agent__V1__ProcessRequest init = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	KataLike__Agent__V1__ProcessRequest exec = KATA_LIKE__AGENT__V1__PROCESS_REQUEST__INIT;
	struct pod *pod = *state;
	struct pod_answer answer, init_end, exec_end;

	init.container_id = exec.container_id = (char *)"c";
	exec.exec_id = (char *)"e";
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_exec(pod, "c", "e", EXEC("\"sleep\",\"100\""), 4, false, &answer),
			 TTRPC_OK);
	pod_call_later(pod, "WaitProcess", &init.base, &init_end);
	pod_call_later(pod, "WaitProcess", &exec.base, &exec_end);
	assert_int_equal(pod_kill(pod, "c", "", SIGTERM, false), TTRPC_OK);
	assert_true(pod_run_until(pod, &init_end.done, 5000));
	assert_true(exec_end.done);
	assert_int_equal(init_end.exit_status, 9);
	assert_int_equal(exec_end.exit_status, 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void kill_all_reaches_every_process(void **state)
{
	struct pod *pod = *state;
	struct pod_answer answer;

	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_exec(pod, "c", "e",
				  EXEC("\"sh\",\"-c\",\"trap 'exit 4' TERM; echo up; while :; do "
				       "sleep 0.05; done\""),
				  4, false, &answer),
			 TTRPC_OK);
	while (!strstr(pod_text(pod, 5), "up"))
		(void)pod_run_until(pod, &(bool){ false }, 10);
	assert_int_equal(pod_kill(pod, "c", "", SIGTERM, true), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 9);
	assert_true(pod_wait(pod, "c", "e") == 4 || pod_wait(pod, "c", "e") == 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void many_containers_run_at_once(void **state)
{
	struct pod *pod = *state;

	start_sleeper(pod, "a", 0);
	start_sleeper(pod, "b", 3);
	start_sleeper(pod, "c", 6);
	start_sleeper(pod, "d", 9);
	finish(pod, "b", SIGKILL, 137);
	finish(pod, "d", SIGTERM, 9);
	finish(pod, "a", SIGTERM, 9);
	finish(pod, "c", SIGKILL, 137);
}

static void a_paused_container_stands_still(void **state)
{
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct pod *pod = *state;
	struct pod_answer answer;

	request.container_id = (char *)"c";
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_call(pod, "ResumeContainer", &request.base, NULL),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(pod_call(pod, "PauseContainer", &request.base, &answer), TTRPC_OK);
	assert_int_equal(pod_call(pod, "PauseContainer", &request.base, NULL),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(pod_exec(pod, "c", "e", EXEC("\"true\""), 4, false, &answer),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(pod_kill(pod, "c", "", SIGTERM, false), TTRPC_OK);
	assert_int_equal(pod->agent.engine.containers == NULL, 0);
	assert_int_equal(pod_call(pod, "ResumeContainer", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 9);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void a_paused_container_can_be_killed(void **state)
{
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct pod *pod = *state;

	request.container_id = (char *)"c";
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_call(pod, "PauseContainer", &request.base, NULL), TTRPC_OK);
	finish(pod, "c", SIGKILL, 137);
}

static void destroying_the_sandbox_leaves_nothing(void **state)
{
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "true", "", "");
	struct pod_answer answer;

	start_sleeper(pod, "a", 0);
	start_sleeper(pod, "b", 3);
	assert_int_equal(pod_create(pod, "c", config, 6, false, &answer), TTRPC_OK);
	assert_int_equal(pod_call(pod, "DestroySandbox", &request.base, NULL), TTRPC_OK);
	assert_true(pod_is_clean(pod));
}

static void statistics_and_processes_are_listed(void **state)
{
	KataLike__Agent__V1__ContainerRequest request =
		KATA_LIKE__AGENT__V1__CONTAINER_REQUEST__INIT;
	struct pod *pod = *state;

	request.container_id = (char *)"c";
	start_sleeper(pod, "c", 0);
	assert_int_equal(pod_call(pod, "StatsContainer", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_call(pod, "ListProcesses", &request.base, NULL), TTRPC_OK);
	finish(pod, "c", SIGTERM, 9);
	assert_int_equal(pod_call(pod, "StatsContainer", &request.base, NULL), TTRPC_NOT_FOUND);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, NULL, check_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(a_program_runs_and_its_status_and_output_come_back),
		CLEAN(a_signal_is_128_and_its_number),
		CLEAN(a_created_container_ends_by_any_signal),
		CLEAN(a_handler_of_the_program_gets_its_signal),
		CLEAN(what_has_ended_cannot_be_signalled),
		CLEAN(an_exec_joins_the_container),
		CLEAN(an_exec_is_deleted_once_it_has_ended),
		CLEAN(the_end_of_the_init_ends_everything),
		CLEAN(an_exec_ends_before_its_container_is_told_to_have_ended),
		CLEAN(kill_all_reaches_every_process),
		CLEAN(many_containers_run_at_once),
		CLEAN(a_paused_container_stands_still),
		CLEAN(a_paused_container_can_be_killed),
		CLEAN(destroying_the_sandbox_leaves_nothing),
		CLEAN(statistics_and_processes_are_listed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
