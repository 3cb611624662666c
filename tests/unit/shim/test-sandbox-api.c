/* SPDX-License-Identifier: Apache-2.0 */
/* The Sandbox service of a whole shim, whose VM is a stand-in. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/fd.h"
#include "proto/task-api.h"
#include "sandbox.pb-c.h"
#include "tests/unit/shim/daemon.h"
#include "tests/unit/test.h"

#define SERVICE	   "containerd.runtime.sandbox.v1.Sandbox"
#define TIMEOUT_MS 20000

/* The answer (to be freed), or NULL and the error's text. */
static void *call(struct daemon *daemon, const char *method, const ProtobufCMessage *request,
		  const ProtobufCMessageDescriptor *response, struct err *ret_err)
{
	struct ttrpc_target target = { SERVICE, method, response };
	ProtobufCMessage *answer = NULL;

	*ret_err = ERR_INIT;
	if (ttrpc_client_call_wait(daemon->client, &target, request, TIMEOUT_MS, &answer, ret_err) <
	    0)
		return NULL;
	return answer;
}

static void *ask(struct daemon *daemon, const char *method,
		 const ProtobufCMessageDescriptor *response, struct err *ret_err)
{
	KataLike__Sandbox__SandboxRequest request = KATA_LIKE__SANDBOX__SANDBOX_REQUEST__INIT;

	request.sandbox_id = (char *)"c";
	return call(daemon, method, &request.base, response, ret_err);
}

static void expect_empty(struct daemon *daemon, const char *method)
{
	struct err err;
	void *answer = ask(daemon, method, &kata_like__empty__descriptor, &err);

	if (!answer)
		fail_msg("%s: %s", method, err_text(&err));
	protobuf_c_message_free_unpacked(answer, NULL);
}

static void create(struct daemon *daemon, struct err *ret_err)
{
	KataLike__Sandbox__CreateSandboxRequest request =
		KATA_LIKE__SANDBOX__CREATE_SANDBOX_REQUEST__INIT;
	KataLike__Sandbox__CreateSandboxRequest__AnnotationsEntry
		other = KATA_LIKE__SANDBOX__CREATE_SANDBOX_REQUEST__ANNOTATIONS_ENTRY__INIT,
		*annotations[] = { &other };
	void *answer;

	other.key = (char *)"io.kubernetes.cri.container-type";
	other.value = (char *)"sandbox";
	request.sandbox_id = (char *)"c";
	request.bundle_path = (char *)"/no/such/bundle";
	request.annotations = annotations;
	request.n_annotations = 1;
	answer = call(daemon, "CreateSandbox", &request.base, &kata_like__empty__descriptor,
		      ret_err);
	if (answer)
		protobuf_c_message_free_unpacked(answer, NULL);
}

static char *status(struct daemon *daemon)
{
	struct err err;
	KataLike__Sandbox__SandboxStatusResponse *answer =
		ask(daemon, "SandboxStatus",
		    &kata_like__sandbox__sandbox_status_response__descriptor, &err);
	char *text;

	assert_non_null(answer);
	assert_string_equal(answer->sandbox_id, "c");
	text = strdup(answer->state);
	kata_like__sandbox__sandbox_status_response__free_unpacked(answer, NULL);
	return text;
}

static void expect_status(struct daemon *daemon, const char *expected)
{
	_cleanup_free_ char *text = status(daemon);

	assert_string_equal(text, expected);
}

static pid_t start(struct daemon *daemon)
{
	struct err err;
	KataLike__Sandbox__StartSandboxResponse *answer =
		ask(daemon, "StartSandbox", &kata_like__sandbox__start_sandbox_response__descriptor,
		    &err);
	pid_t pid;

	if (!answer)
		fail_msg("%s", err_text(&err));
	pid = (pid_t)answer->pid;
	assert_true(answer->created_at->seconds > 0);
	kata_like__sandbox__start_sandbox_response__free_unpacked(answer, NULL);
	return pid;
}

static uint32_t await_end(struct daemon *daemon)
{
	struct err err;
	KataLike__Sandbox__WaitSandboxResponse *answer =
		ask(daemon, "WaitSandbox", &kata_like__sandbox__wait_sandbox_response__descriptor,
		    &err);
	uint32_t exit_status;

	assert_non_null(answer);
	exit_status = answer->exit_status;
	assert_true(answer->exited_at->seconds > 0);
	kata_like__sandbox__wait_sandbox_response__free_unpacked(answer, NULL);
	return exit_status;
}

static void a_sandbox_lives_from_start_to_shutdown(void **state)
{
	KataLike__Sandbox__PlatformResponse *platform;
	struct daemon daemon;
	struct err err;
	pid_t pid;

	(void)state;
	daemon_start(&daemon, "true", "");
	assert_null(ask(&daemon, "PingSandbox", &kata_like__empty__descriptor, &err));
	create(&daemon, &err);
	assert_int_equal(err.code, 0);
	create(&daemon, &err);
	assert_int_equal(err.code, -EEXIST);
	expect_status(&daemon, "SANDBOX_NOTREADY");
	pid = start(&daemon);
	assert_int_equal(kill(pid, 0), 0);
	expect_status(&daemon, "SANDBOX_READY");
	expect_empty(&daemon, "PingSandbox");
	assert_null(ask(&daemon, "StartSandbox",
			&kata_like__sandbox__start_sandbox_response__descriptor, &err));
	platform =
		ask(&daemon, "Platform", &kata_like__sandbox__platform_response__descriptor, &err);
	assert_non_null(platform);
	assert_string_equal(platform->platform->os, "linux");
	kata_like__sandbox__platform_response__free_unpacked(platform, NULL);
	expect_empty(&daemon, "StopSandbox");
	assert_int_equal(await_end(&daemon), 0);
	assert_int_equal(kill(pid, 0), -1);
	expect_status(&daemon, "SANDBOX_NOTREADY");
	expect_empty(&daemon, "ShutdownSandbox");
	daemon_gone(&daemon);
}

static void note_answer(void *ctx, const struct ttrpc_status *status,
			const ProtobufCMessage *response)
{
	bool *answered = ctx;

	(void)status;
	(void)response;
	*answered = true;
}

/* Before its template, or its VM, is there. */
static void a_sandbox_can_be_stopped_while_it_starts(void **state)
{
	KataLike__Sandbox__SandboxRequest request = KATA_LIKE__SANDBOX__SANDBOX_REQUEST__INIT;
	const struct ttrpc_target target = {
		SERVICE, "StartSandbox", &kata_like__sandbox__start_sandbox_response__descriptor
	};
	struct daemon daemon;
	bool answered = false;
	struct err err;

	(void)state;
	daemon_start(&daemon, "true", "");
	create(&daemon, &err);
	request.sandbox_id = (char *)"c";
	assert_int_equal(ttrpc_client_call(daemon.client, &target, &request.base, TIMEOUT_MS,
					   note_answer, &answered),
			 0);
	expect_empty(&daemon, "StopSandbox");
	/* Answers come in any order; by this one that of the start has come. */
	(void)await_end(&daemon);
	assert_true(answered);
	expect_status(&daemon, "SANDBOX_NOTREADY");
	expect_empty(&daemon, "ShutdownSandbox");
	daemon_gone(&daemon);
}

/* Either would boot a second VM beside the first. */
static void containers_come_after_the_start_and_a_sandbox_before_them(void **state)
{
	KataLike__Task__CreateTaskRequest request = KATA_LIKE__TASK__CREATE_TASK_REQUEST__INIT;
	const struct ttrpc_target target = { TASK_SERVICE_V2, "Create",
					     &kata_like__task__create_task_response__descriptor };
	struct daemon daemon;
	char message[1024];
	bool answered = false;
	struct err err;

	(void)state;
	daemon_start(&daemon, "true", "");
	create(&daemon, &err);
	assert_int_equal(err.code, 0);
	assert_int_equal(daemon_try_create(&daemon, message), TTRPC_FAILED_PRECONDITION);
	assert_non_null(strstr(message, "sandbox c is to be started before"));
	(void)start(&daemon);
	daemon_create(&daemon, "", "", "");
	expect_empty(&daemon, "ShutdownSandbox");
	daemon_gone(&daemon);

	daemon_start(&daemon, "true", "");
	request.id = (char *)"c";
	request.bundle = daemon.bundle;
	assert_int_equal(ttrpc_client_call(daemon.client, &target, &request.base, TIMEOUT_MS,
					   note_answer, &answered),
			 0);
	create(&daemon, &err);
	assert_int_equal(err.code, -EEXIST);
	assert_false(answered);
	while (!answered)
		assert_int_equal(loop_step(daemon.loop, -1), 0);
	assert_int_equal(daemon_delete_task(&daemon, ""), TTRPC_OK);
	daemon_shut_down(&daemon);
	daemon_gone(&daemon);
}

static void a_vm_that_is_killed_ends_the_sandbox(void **state)
{
	struct daemon daemon;
	struct err err;

	(void)state;
	daemon_start(&daemon, "true", "");
	create(&daemon, &err);
	(void)start(&daemon);
	assert_int_equal(kill(daemon_pid_file(&daemon, "vmm.pid"), SIGKILL), 0);
	assert_int_equal(await_end(&daemon), 137);
	assert_null(ask(&daemon, "PingSandbox", &kata_like__empty__descriptor, &err));
	expect_empty(&daemon, "ShutdownSandbox");
	daemon_gone(&daemon);
}

static void another_sandbox_is_not_found(void **state)
{
	KataLike__Sandbox__SandboxRequest request = KATA_LIKE__SANDBOX__SANDBOX_REQUEST__INIT;
	struct daemon daemon;
	struct err err;

	(void)state;
	daemon_start(&daemon, "true", "");
	create(&daemon, &err);
	request.sandbox_id = (char *)"other";
	assert_null(
		call(&daemon, "PingSandbox", &request.base, &kata_like__empty__descriptor, &err));
	assert_int_equal(err.code, -ENOENT);
	expect_empty(&daemon, "ShutdownSandbox");
	daemon_gone(&daemon);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sandbox_lives_from_start_to_shutdown),
		cmocka_unit_test(a_sandbox_can_be_stopped_while_it_starts),
		cmocka_unit_test(containers_come_after_the_start_and_a_sandbox_before_them),
		cmocka_unit_test(a_vm_that_is_killed_ends_the_sandbox),
		cmocka_unit_test(another_sandbox_is_not_found),
	};

	daemon_programs(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
