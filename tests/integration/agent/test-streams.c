/* SPDX-License-Identifier: Apache-2.0 */
/* Standard streams and terminals: every byte arrives, a slow reader stops only its own writer. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "tests/integration/agent/pod.h"

#define EXEC(command) \
	"{\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"args\":[\"sh\",\"-c\",\"" command "\"]}"
#define SIZE ",\"consoleSize\":{\"height\":33,\"width\":77}"

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

static void start(struct pod *pod, const char *id, const char *command, int base, bool terminal)
{
	_cleanup_free_ char *config = pod_config(pod, command, terminal ? SIZE : "", "");
	struct pod_answer answer;

	assert_int_equal(pod_create(pod, id, config, base, terminal, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, id, &answer), TTRPC_OK);
}

static void wait_for_text(struct pod *pod, int stream, const char *text)
{
	int64_t deadline_ms = clock_monotonic_ms() + 10000;

	while (!strstr(pod_text(pod, stream), text)) {
		(void)pod_run_until(pod, &(bool){ false }, 5);
		if (clock_monotonic_ms() > deadline_ms)
			fail_msg("\"%s\" never came, but: %s", text, pod_text(pod, stream));
	}
}

static void type(struct pod *pod, int stream, const char *text)
{
	assert_int_equal(write(pod->streams[stream].fd, text, strlen(text)), strlen(text));
}

static void end_input(struct pod *pod, int stream)
{
	assert_int_equal(shutdown(pod->streams[stream].fd, SHUT_WR), 0);
}

static void stdin_reaches_the_process_to_its_end(void **state)
{
	struct pod *pod = *state;

	start(pod, "c", "cat; echo end", 0, false);
	type(pod, 0, "one\ntwo\n");
	wait_for_text(pod, 1, "two");
	type(pod, 0, "three");
	end_input(pod, 0);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_string_equal(pod_text(pod, 1), "one\ntwo\nthreeend\n");
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void much_input_arrives_in_full(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *chunk = malloc(1 << 20);
	size_t left = 24u << 20;

	memset(chunk, 'x', 1 << 20);
	start(pod, "c", "sleep 0.2; wc -c", 0, false);
	while (left > 0) {
		ssize_t n = write(pod->streams[0].fd, chunk, MIN(left, (size_t)1 << 20));

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			(void)pod_run_until(pod, &(bool){ false }, 1);
			continue;
		}
		left -= (size_t)n;
	}
	end_input(pod, 0);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_string_equal(pod_text(pod, 1), "25165824\n");
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void all_output_has_come_when_the_end_is_told(void **state)
{
	struct pod *pod = *state;

	for (int i = 0; i < 5; i++) {
		assert_int_equal(pod_run(pod, "seq 1 200000; echo last", "", ""), 0);
		assert_int_equal(pod->streams[1].len, 1288895 + 5);
		assert_string_equal(pod_text(pod, 1) + 1288895, "last\n");
	}
}

static void a_reader_that_stops_stops_only_its_writer(void **state)
{
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "echo fine", "", "");
	struct pod_answer answer;

	start(pod, "c", "dd if=/dev/zero bs=65536 count=200 2>/dev/null; echo done >&2", 0, false);
	pod->streams[1].stalled = true;
	(void)pod_run_until(pod, &(bool){ false }, 300);
	assert_string_equal(pod_text(pod, 2), "");
	assert_int_equal(pod_create(pod, "d", config, 4, false, &answer), TTRPC_OK);
	assert_int_equal(pod_start(pod, "d", &answer), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "d", ""), 0);
	assert_string_equal(pod_text(pod, 5), "fine\n");
	pod->streams[1].stalled = false;
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_string_equal(pod_text(pod, 2), "done\n");
	assert_int_equal(pod->streams[1].len, 200 * 65536);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
	assert_int_equal(pod_delete(pod, "d", NULL), TTRPC_OK);
}

static void a_reader_that_goes_is_a_broken_pipe(void **state)
{
	struct pod *pod = *state;

	start(pod, "c", "while echo x; do :; done", 0, false);
	wait_for_text(pod, 1, "x");
	close(pod->streams[1].fd);
	pod->streams[1].fd = -1;
	assert_int_equal(pod_wait(pod, "c", ""), 128 + SIGPIPE);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void a_daemon_that_keeps_the_streams_delays_no_exec(void **state)
{
	struct pod *pod = *state;
	struct pod_answer answer;

	start(pod, "c", "sleep 1000", 0, false);
	assert_int_equal(pod_exec(pod, "c", "e",
				  EXEC("(sleep 0.3; echo late; sleep 1000) & echo early"), 4, false,
				  &answer),
			 TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 0);
	assert_string_equal(pod_text(pod, 5), "early\n");
	/* What the daemon writes later is still handed over. */
	wait_for_text(pod, 5, "late");
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_true(pod_run_until(pod, &pod->streams[5].ended, 5000));
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void the_streams_can_be_opened_again_by_name(void **state)
{
	struct pod *pod = *state;

	assert_int_equal(pod_run(pod, "echo a > /dev/stdout; echo b > /proc/self/fd/2",
				 ",\"user\":{\"uid\":1000,\"gid\":1000}", ""),
			 0);
	assert_string_equal(pod_text(pod, 1), "a\n");
	assert_string_equal(pod_text(pod, 2), "b\n");
}

static void a_terminal_has_its_size_and_is_the_console(void **state)
{
	struct pod *pod = *state;

	start(pod, "c", "tty; stty size; test -c /dev/console && echo console; echo hi > /dev/tty",
	      0, true);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_string_equal(pod_text(pod, 0), "/dev/pts/0\r\n33 77\r\nconsole\r\nhi\r\n");
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void a_terminal_is_resized_and_the_process_told(void **state)
{
	KataLike__Agent__V1__ResizeTerminalRequest request =
		KATA_LIKE__AGENT__V1__RESIZE_TERMINAL_REQUEST__INIT;
	struct pod *pod = *state;

	request.container_id = (char *)"c";
	request.columns = 120;
	request.rows = 40;
	start(pod, "c", "trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.05; done", 0,
	      true);
	wait_for_text(pod, 0, "up");
	assert_int_equal(pod_call(pod, "ResizeTerminal", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_non_null(strstr(pod_text(pod, 0), "40 120"));
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void keys_and_signals_work_on_a_terminal(void **state)
{
	struct pod *pod = *state;

	start(pod, "c", "trap 'echo interrupted' INT; cat; read x; echo got $x; cat; echo eof", 0,
	      true);
	type(pod, 0, "line\n");
	wait_for_text(pod, 0, "line\r\nline\r\n");
	type(pod, 0, "\003");
	wait_for_text(pod, 0, "interrupted");
	type(pod, 0, "word\n");
	wait_for_text(pod, 0, "got word");
	/* The end of the stream is the end of the input, as Ctrl-D is. */
	type(pod, 0, "tail");
	wait_for_text(pod, 0, "tail");
	end_input(pod, 0);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_non_null(strstr(pod_text(pod, 0), "eof\r\n"));
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void an_exec_has_a_terminal_of_its_own(void **state)
{
	struct pod *pod = *state;
	struct pod_answer answer;

	start(pod, "c", "sleep 1000", 0, false);
	assert_int_equal(pod_exec(pod, "c", "e", EXEC("tty; exit 3"), 4, true, &answer), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", "e"), 3);
	assert_string_equal(pod_text(pod, 4), "/dev/pts/0\r\n");
	assert_int_equal(pod_kill(pod, "c", "", SIGKILL, false), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 137);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

static void terminal_output_is_complete_at_the_end(void **state)
{
	struct pod *pod = *state;

	for (int i = 0; i < 5; i++) {
		start(pod, "c", "seq 1 500; echo last", 0, true);
		assert_int_equal(pod_wait(pod, "c", ""), 0);
		assert_non_null(strstr(pod_text(pod, 0), "500\r\nlast\r\n"));
		assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
	}
}

static void streams_that_nobody_wants_are_dev_null(void **state)
{
	KataLike__Agent__V1__CreateContainerRequest request =
		KATA_LIKE__AGENT__V1__CREATE_CONTAINER_REQUEST__INIT;
	struct pod *pod = *state;
	_cleanup_free_ char *config = pod_config(pod, "cat; echo x && echo y >&2", "", "");

	request.container_id = (char *)"c";
	request.config_json.data = (uint8_t *)config;
	request.config_json.len = strlen(config);
	assert_int_equal(pod_call(pod, "CreateContainer", &request.base, NULL), TTRPC_OK);
	assert_int_equal(pod_start(pod, "c", NULL), TTRPC_OK);
	assert_int_equal(pod_wait(pod, "c", ""), 0);
	assert_int_equal(pod_delete(pod, "c", NULL), TTRPC_OK);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, NULL, check_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLEAN(stdin_reaches_the_process_to_its_end),
		CLEAN(much_input_arrives_in_full),
		CLEAN(all_output_has_come_when_the_end_is_told),
		CLEAN(a_reader_that_stops_stops_only_its_writer),
		CLEAN(a_reader_that_goes_is_a_broken_pipe),
		CLEAN(a_daemon_that_keeps_the_streams_delays_no_exec),
		CLEAN(the_streams_can_be_opened_again_by_name),
		CLEAN(a_terminal_has_its_size_and_is_the_console),
		CLEAN(a_terminal_is_resized_and_the_process_told),
		CLEAN(keys_and_signals_work_on_a_terminal),
		CLEAN(an_exec_has_a_terminal_of_its_own),
		CLEAN(terminal_output_is_complete_at_the_end),
		CLEAN(streams_that_nobody_wants_are_dev_null),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
