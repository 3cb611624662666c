/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a shim and of what it runs, with fake-vmm.c in place of a virtual machine. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/shim/daemon.h"
#include "lib/fd.h"
#include "proto/task-api.h"
#include "tests/unit/test.h"

#define CREATED KATA_LIKE__TASK__STATUS__CREATED
#define RUNNING KATA_LIKE__TASK__STATUS__RUNNING
#define STOPPED KATA_LIKE__TASK__STATUS__STOPPED

static void end_all(struct daemon *d)
{
	assert_int_equal(daemon_delete_task(d, ""), TTRPC_OK);
	daemon_shut_down(d);
	daemon_gone(d);
}

static void a_container_goes_from_create_to_shutdown_and_leaves_nothing(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "exit 7", "");
	daemon_create(&d, "", "", "");
	assert_int_equal(daemon_status(&d, ""), CREATED);
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 7);
	assert_int_equal(daemon_status(&d, ""), STOPPED);
	end_all(&d);
}

static void start_prints_the_address_and_nothing_else(void **state)
{
	struct daemon d;
	char expected[256];
	struct stat st;

	(void)state;
	daemon_start(&d, "true", "");
	(void)snprintf(expected, sizeof(expected), "unix://%s/shim.sock", d.state);
	assert_string_equal(d.address, expected);
	assert_int_equal(stat(d.address + strlen("unix://"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	daemon_shut_down(&d);
	daemon_gone(&d);
}

static void output_comes_through_and_ends_with_the_process(void **state)
{
	struct daemon d;
	char *out, *err, *text;
	int out_fd, err_fd;
	size_t len;

	(void)state;
	daemon_start(&d, "echo to stdout; echo to stderr >&2", "");
	out = daemon_fifo(&d, "out");
	err = daemon_fifo(&d, "err");
	out_fd = daemon_open_fifo(out);
	err_fd = daemon_open_fifo(err);
	daemon_create(&d, "", out, err);
	daemon_start_task(&d, "");
	text = daemon_read_all(&d, out_fd, &len);
	assert_string_equal(text, "to stdout\n");
	free(text);
	text = daemon_read_all(&d, err_fd, &len);
	assert_string_equal(text, "to stderr\n");
	free(text);
	assert_int_equal(daemon_wait(&d, ""), 0);
	free(out);
	free(err);
	end_all(&d);
}

struct streamed {
	size_t n_bytes;
	bool ended;
};

static void take_streamed(void *ctx, const ProtobufCMessage *message)
{
	((struct streamed *)ctx)->n_bytes += ((const KataLike__Any *)message)->value.len;
}

static void streamed_ended(void *ctx, const struct ttrpc_status *status)
{
	assert_int_equal(status->code, TTRPC_OK);
	((struct streamed *)ctx)->ended = true;
}

static void output_comes_over_the_shims_own_socket(void **state)
{
	static const struct ttrpc_stream_ops ops = { .message = take_streamed,
						     .ended = streamed_ended };
	static const struct ttrpc_target target = { "containerd.services.streaming.v1.Streaming",
						    "Stream", &kata_like__any__descriptor };
	const char *uri = "ttrpc+unix:///x?streaming_id=both";
	KataLike__Any init = KATA_LIKE__ANY__INIT;
	struct streamed streamed = { 0 };
	uint32_t stream_id;
	struct daemon d;

	(void)state;
	daemon_start(&d, "head -c 500000 /dev/zero; echo more >&2", "");
	/* Both outputs are one stream, which has its client before it has a process. */
	assert_int_equal(ttrpc_client_open(d.client, &target, &ops, &streamed, &stream_id), 0);
	init.type_url = (char *)"containerd.services.streaming.v1.StreamInit";
	init.value = (ProtobufCBinaryData){ 6, (uint8_t *)"\012\004both" };
	assert_int_equal(ttrpc_client_stream_send(d.client, stream_id, &init.base), 0);
	daemon_create(&d, "", uri, uri);
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 0);
	while (!streamed.ended)
		assert_int_equal(loop_step(d.loop, 10000), 0);
	/* And a few for each message. */
	assert_true(streamed.n_bytes >= 500005);
	end_all(&d);
}

static void a_megabyte_on_stdin_arrives_whole_before_its_end(void **state)
{
	struct daemon d;
	char *in, *out, *text;
	int in_fd, out_fd;
	size_t len;
	pid_t writer;

	(void)state;
	daemon_start(&d, "wc -c", "");
	in = daemon_fifo(&d, "in");
	out = daemon_fifo(&d, "out");
	out_fd = daemon_open_fifo(out);
	in_fd = open(in, O_RDWR | O_CLOEXEC);
	daemon_create(&d, in, out, "");
	daemon_start_task(&d, "");
	writer = fork();
	if (writer == 0) {
		static const char block[4096];

		for (int i = 0; i < 256; i++)
			(void)!fd_write_full(in_fd, block, sizeof(block));
		_exit(0);
	}
	close(in_fd);
	/* While the writer still writes, and without waiting for it. */
	daemon_close_stdin(&d);
	text = daemon_read_all(&d, out_fd, &len);
	assert_int_equal(atoi(text), 1 << 20);
	free(text);
	assert_int_equal(daemon_wait(&d, ""), 0);
	free(in);
	free(out);
	end_all(&d);
}

static void output_can_be_appended_to_a_file(void **state)
{
	struct daemon d;
	char uri[256];
	_cleanup_free_ char *text = NULL;

	(void)state;
	daemon_start(&d, "echo one; echo two >&2; echo three", "");
	(void)snprintf(uri, sizeof(uri), "file://%s/log", d.dir);
	daemon_create(&d, "", uri, uri);
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 0);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_OK);
	assert_int_equal(file_read(AT_FDCWD, uri + 7, 1000, &text, NULL, NULL), 0);
	assert_int_equal(strlen(text), strlen("one\ntwo\nthree\n"));
	assert_non_null(strstr(text, "two\n"));
	daemon_shut_down(&d);
	daemon_gone(&d);
}

static void a_log_that_nobody_reads_holds_up_nothing(void **state)
{
	static const char block[4096];
	char path[192];
	struct daemon d;
	int log_fd;

	(void)state;
	daemon_start_published(&d, "exit 4", "");
	(void)snprintf(path, sizeof(path), "%s/log", d.bundle);
	log_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	while (write(log_fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 4);
	close(log_fd);
	end_all(&d);
}

static void a_signal_ends_a_process_once(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "exec sleep 100", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	assert_int_equal(daemon_status(&d, ""), RUNNING);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(daemon_kill(&d, "", SIGTERM), TTRPC_OK);
	assert_int_equal(daemon_wait(&d, ""), 128 + SIGTERM);
	assert_int_equal(daemon_kill(&d, "", SIGTERM), TTRPC_NOT_FOUND);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_OK);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_NOT_FOUND);
	daemon_shut_down(&d);
	daemon_gone(&d);
}

static void killing_a_created_container_stops_it(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "true", "");
	daemon_create(&d, "", "", "");
	assert_int_equal(daemon_kill(&d, "", SIGTERM), TTRPC_OK);
	assert_int_equal(daemon_wait(&d, ""), 128 + SIGTERM);
	end_all(&d);
}

static void a_created_container_can_be_deleted(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "true", "");
	daemon_create(&d, "", "", "");
	end_all(&d);
}

static void an_oom_kill_is_told_before_the_exit(void **state)
{
	struct daemon d;
	char *topics;

	(void)state;
	daemon_start_published(&d, "kill -KILL $$", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 137);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_OK);
	daemon_shut_down(&d);
	daemon_await_end(d.pid);
	topics = daemon_topics(&d);
	assert_string_equal(topics, "/tasks/create\n/tasks/start\n/tasks/oom\n/tasks/exit\n"
				    "/tasks/delete\n");
	free(topics);
	daemon_gone(&d);
}

static void an_exec_runs_beside_the_init(void **state)
{
	struct daemon d;
	char *out, *text;
	int fd;
	size_t len;

	(void)state;
	daemon_start(&d, "exec sleep 100", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	out = daemon_fifo(&d, "out");
	fd = daemon_open_fifo(out);
	daemon_exec(&d, "e1", "echo from exec; exit 3", out);
	assert_int_equal(daemon_kill(&d, "e1", SIGTERM), TTRPC_FAILED_PRECONDITION);
	daemon_start_task(&d, "e1");
	assert_int_equal(daemon_wait(&d, "e1"), 3);
	text = daemon_read_all(&d, fd, &len);
	assert_string_equal(text, "from exec\n");
	free(text);
	free(out);
	assert_int_equal(daemon_delete_task(&d, "e1"), TTRPC_OK);
	assert_int_equal(daemon_status(&d, ""), RUNNING);
	assert_int_equal(daemon_kill(&d, "", SIGKILL), TTRPC_OK);
	assert_int_equal(daemon_wait(&d, ""), 137);
	end_all(&d);
}

static void a_second_create_of_the_same_id_already_exists(void **state)
{
	struct daemon d;
	char message[1024];

	(void)state;
	daemon_start(&d, "true", "");
	daemon_create(&d, "", "", "");
	assert_int_equal(daemon_try_create(&d, message), TTRPC_ALREADY_EXISTS);
	end_all(&d);
}

static void an_unknown_annotation_is_an_error_that_names_it(void **state)
{
	struct daemon d;
	char message[1024];

	(void)state;
	daemon_start(&d, "true", "\"io.kata-like.memorry\":\"1G\"");
	assert_int_equal(daemon_try_create(&d, message), TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(message, "io.kata-like.memorry"));
	daemon_shut_down(&d);
	daemon_gone(&d);
}

static void a_vmm_that_cannot_start_is_told_with_its_own_words(void **state)
{
	struct daemon d;
	char message[1024];

	(void)state;
	daemon_start(&d, "true", "\"io.kata-like.cmdline\":\"fake.refuse\"");
	assert_int_equal(daemon_try_create(&d, message), TTRPC_UNAVAILABLE);
	assert_non_null(strstr(message, "fd:9 is not a kernel for this machine"));
	daemon_shut_down(&d);
	daemon_gone(&d);
}

static void a_guest_panic_reaches_start_and_wait(void **state)
{
	struct daemon d;
	char message[1024], path[256];
	_cleanup_free_ char *text = NULL;

	(void)state;
	daemon_start(&d, "true", "\"io.kata-like.cmdline\":\"fake.panic\"");
	daemon_create(&d, "", "", "");
	assert_int_equal(daemon_try_start(&d, "", message), TTRPC_UNAVAILABLE);
	assert_non_null(strstr(message, "the guest panicked"));
	assert_int_equal(daemon_wait(&d, ""), 255);
	(void)snprintf(path, sizeof(path), "%s/failure", d.state);
	assert_int_equal(file_read(AT_FDCWD, path, 2000, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "the guest panicked"));
	end_all(&d);
}

static void an_agent_that_goes_away_fails_the_sandbox(void **state)
{
	struct daemon d;
	char message[1024];

	(void)state;
	daemon_start(&d, "true", "\"io.kata-like.cmdline\":\"fake.drop\"");
	daemon_create(&d, "", "", "");
	assert_int_equal(daemon_try_start(&d, "", message), TTRPC_UNAVAILABLE);
	assert_non_null(strstr(message, "agent was lost"));
	assert_int_equal(daemon_wait(&d, ""), 255);
	end_all(&d);
}

static void a_killed_vmm_ends_every_process_with_137(void **state)
{
	struct daemon d;
	pid_t vmm;

	(void)state;
	daemon_start(&d, "exec sleep 1", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	vmm = daemon_pid_file(&d, "vmm.pid");
	assert_true(vmm > 1);
	kill(vmm, SIGKILL);
	assert_int_equal(daemon_wait(&d, ""), 137);
	assert_int_equal(daemon_status(&d, ""), STOPPED);
	end_all(&d);
}

static void a_vmm_that_is_deaf_to_stop_is_killed(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "true", "\"io.kata-like.cmdline\":\"fake.deaf\"");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	assert_int_equal(daemon_wait(&d, ""), 0);
	end_all(&d);
}

static void shutdown_is_ignored_while_a_container_remains(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "true", "");
	daemon_create(&d, "", "", "");
	daemon_shut_down(&d);
	assert_int_equal(daemon_status(&d, ""), CREATED);
	end_all(&d);
}

static void sigterm_ends_the_shim_and_leaves_nothing(void **state)
{
	struct daemon d;

	(void)state;
	daemon_start(&d, "exec sleep 1", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	kill(d.pid, SIGTERM);
	daemon_gone(&d);
}

static void delete_cleans_up_after_a_killed_shim(void **state)
{
	struct daemon d;
	KataLike__Task__DeleteResponse *response;
	char *printed;
	size_t len;
	pid_t vmm;

	(void)state;
	daemon_start(&d, "exec sleep 1", "");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	vmm = daemon_pid_file(&d, "vmm.pid");
	kill(d.pid, SIGKILL);
	daemon_await_end(vmm);
	printed = daemon_delete(&d, &len);
	response = kata_like__task__delete_response__unpack(NULL, len, (uint8_t *)printed);
	assert_non_null(response);
	assert_int_equal(response->exit_status, 137);
	kata_like__task__delete_response__free_unpacked(response, NULL);
	free(printed);
	/* And again, when there is nothing left. */
	free(daemon_delete(&d, &len));
	daemon_gone(&d);
}

static void delete_leaves_a_living_shim_alone(void **state)
{
	struct daemon d;
	size_t len;

	(void)state;
	daemon_start(&d, "true", "");
	daemon_create(&d, "", "", "");
	free(daemon_delete(&d, &len));
	assert_int_equal(daemon_status(&d, ""), CREATED);
	end_all(&d);
}

static void note_code(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	(void)response;
	*(int *)ctx = (int)status->code;
}

static void a_container_that_is_deleted_takes_along_what_is_being_deleted(void **state)
{
	static const struct ttrpc_target target = { TASK_SERVICE_V2, "Delete",
						    &kata_like__task__delete_response__descriptor };
	KataLike__Task__DeleteRequest request = KATA_LIKE__TASK__DELETE_REQUEST__INIT;
	struct daemon d;
	int code = -1;

	(void)state;
	daemon_start(&d, "sleep 100",
		     "\"io.kata-like.cmdline\":\"fake.agent=never/DeleteProcess\"");
	daemon_create(&d, "", "", "");
	daemon_start_task(&d, "");
	daemon_exec(&d, "e", "true", "");
	daemon_start_task(&d, "e");
	assert_int_equal(daemon_wait(&d, "e"), 0);
	request.id = (char *)"c";
	request.exec_id = (char *)"e";
	assert_int_equal(
		ttrpc_client_call(d.client, &target, &request.base, 20000, note_code, &code), 0);
	assert_int_equal(daemon_kill(&d, "", SIGKILL), TTRPC_OK);
	assert_int_equal(daemon_wait(&d, ""), 128 + SIGKILL);
	assert_int_equal(daemon_delete_task(&d, ""), TTRPC_OK);
	/* With the sandbox the call to the agent ends, and with that the other Delete. */
	daemon_shut_down(&d);
	while (code < 0)
		assert_int_equal(loop_step(d.loop, 1000), 0);
	assert_int_equal(code, TTRPC_NOT_FOUND);
	daemon_gone(&d);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_goes_from_create_to_shutdown_and_leaves_nothing),
		cmocka_unit_test(start_prints_the_address_and_nothing_else),
		cmocka_unit_test(output_comes_through_and_ends_with_the_process),
		cmocka_unit_test(output_comes_over_the_shims_own_socket),
		cmocka_unit_test(a_megabyte_on_stdin_arrives_whole_before_its_end),
		cmocka_unit_test(output_can_be_appended_to_a_file),
		cmocka_unit_test(a_log_that_nobody_reads_holds_up_nothing),
		cmocka_unit_test(a_signal_ends_a_process_once),
		cmocka_unit_test(killing_a_created_container_stops_it),
		cmocka_unit_test(a_created_container_can_be_deleted),
		cmocka_unit_test(an_oom_kill_is_told_before_the_exit),
		cmocka_unit_test(an_exec_runs_beside_the_init),
		cmocka_unit_test(a_second_create_of_the_same_id_already_exists),
		cmocka_unit_test(an_unknown_annotation_is_an_error_that_names_it),
		cmocka_unit_test(a_vmm_that_cannot_start_is_told_with_its_own_words),
		cmocka_unit_test(a_guest_panic_reaches_start_and_wait),
		cmocka_unit_test(an_agent_that_goes_away_fails_the_sandbox),
		cmocka_unit_test(a_killed_vmm_ends_every_process_with_137),
		cmocka_unit_test(a_vmm_that_is_deaf_to_stop_is_killed),
		cmocka_unit_test(shutdown_is_ignored_while_a_container_remains),
		cmocka_unit_test(a_container_that_is_deleted_takes_along_what_is_being_deleted),
		cmocka_unit_test(sigterm_ends_the_shim_and_leaves_nothing),
		cmocka_unit_test(delete_cleans_up_after_a_killed_shim),
		cmocka_unit_test(delete_leaves_a_living_shim_alone),
	};

	daemon_programs(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
