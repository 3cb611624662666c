/* SPDX-License-Identifier: Apache-2.0 */
/* Relays: nothing is lost, nothing piles up, nothing spins, whatever the descriptors are. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/relay.h"
#include "lib/fd.h"

#define MANY_BYTES (100u << 20)

struct outcome {
	struct loop *loop;
	bool done;
	int result;
};

static void on_done(void *ctx, int result)
{
	struct outcome *outcome = ctx;

	outcome->done = true;
	outcome->result = result;
}

/* Byte i of the test's stream. */
static uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

/* In a child: writes the first n bytes of the stream to fd. */
static pid_t fork_writer(int fd, uint64_t n)
{
	pid_t pid = fork();
	uint8_t buffer[7777];

	if (pid != 0)
		return pid;
	for (uint64_t at = 0; at < n;) {
		size_t len = MIN(sizeof(buffer), n - at);

		for (size_t i = 0; i < len; i++)
			buffer[i] = pattern(at + i);
		if (fd_write_full(fd, buffer, len) < 0)
			_exit(1);
		at += len;
	}
	_exit(0);
}

/* In a child: reads to the end and checks each byte; pauses pause_ms every 4 MiB. */
static pid_t fork_reader(int fd, int close_fd, uint64_t n, int pause_ms)
{
	pid_t pid = fork();
	uint8_t buffer[5000];
	uint64_t at = 0, next_pause = 0;
	ssize_t len;

	if (pid != 0)
		return pid;
	close(close_fd);
	while ((len = read(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < len; i++)
			if (buffer[i] != pattern(at++))
				_exit(2);
		if (pause_ms && at > next_pause) {
			(void)poll(NULL, 0, pause_ms);
			next_pause += 4u << 20;
		}
	}
	_exit(len < 0 || at != n ? 3 : 0);
}

static void assert_child_succeeds(pid_t pid)
{
	int wait_status;

	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
}

static void run_until_done(struct outcome *outcome)
{
	while (!outcome->done)
		assert_int_equal(loop_step(outcome->loop, 20000), 0);
}

/* A stream through a FIFO to a pipe, by way of the relay. */
static void carry(uint64_t n, int pause_ms)
{
	struct outcome outcome = { 0 };
	char folder[] = "/tmp/kata-like-relay-XXXXXX", path[sizeof(folder) + 8];
	struct relay *relay;
	int out[2], fifo_fd, writer_fd;
	pid_t writer, reader;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	fifo_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fifo_fd >= 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(loop_new(&outcome.loop, NULL), 0);
	reader = fork_reader(out[0], out[1], n, pause_ms);
	close(out[0]);
	assert_int_equal(relay_new(outcome.loop, fifo_fd, out[1], on_done, &outcome, &relay, NULL),
			 0);
	/* A FIFO that has no writer yet has not ended. */
	assert_int_equal(loop_step(outcome.loop, 50), 0);
	assert_false(outcome.done);
	writer_fd = open(path, O_WRONLY | O_CLOEXEC);
	writer = fork_writer(writer_fd, n);
	close(writer_fd);
	run_until_done(&outcome);
	assert_int_equal(outcome.result, 0);
	assert_int_equal(relay_written(relay), n);
	relay_free(relay);
	loop_free(outcome.loop);
	close(out[1]);
	close(fifo_fd);
	assert_child_succeeds(writer);
	assert_child_succeeds(reader);
	assert_int_equal(dir_remove(folder, NULL), 0);
}

static void a_hundred_megabytes_arrive_as_they_were(void **state)
{
	(void)state;
	carry(MANY_BYTES, 0);
}

static void a_slow_reader_gets_everything_and_costs_no_time(void **state)
{
	struct rusage before, after;

	(void)state;
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	carry(16u << 20, 100);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	/* A relay that spins while it waits would use most of the time that the reader sleeps. */
	assert_true(after.ru_utime.tv_sec - before.ru_utime.tv_sec < 2);
	assert_true(after.ru_nvcsw - before.ru_nvcsw < 20000);
}

static void an_empty_stream_ends_at_once(void **state)
{
	(void)state;
	carry(0, 0);
}

static void files_and_sockets_work_as_ends(void **state)
{
	struct outcome outcome = { 0 };
	char path[] = "/tmp/kata-like-relay-XXXXXX";
	struct relay *relay;
	int file_fd = mkstemp(path), sockets[2];
	pid_t reader;

	(void)state;
	assert_true(file_fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_child_succeeds(fork_writer(file_fd, 3000000));
	assert_int_equal(lseek(file_fd, 0, SEEK_SET), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(loop_new(&outcome.loop, NULL), 0);
	reader = fork_reader(sockets[0], sockets[1], 3000000, 10);
	close(sockets[0]);
	assert_int_equal(
		relay_new(outcome.loop, file_fd, sockets[1], on_done, &outcome, &relay, NULL), 0);
	run_until_done(&outcome);
	assert_int_equal(outcome.result, 0);
	relay_free(relay);
	loop_free(outcome.loop);
	close(sockets[1]);
	close(file_fd);
	assert_child_succeeds(reader);
}

static void a_reader_that_left_is_reported(void **state)
{
	struct outcome outcome = { 0 };
	struct relay *relay;
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(loop_new(&outcome.loop, NULL), 0);
	assert_int_equal(relay_new(outcome.loop, in[0], out[1], on_done, &outcome, &relay, NULL),
			 0);
	close(out[0]);
	assert_int_equal(fd_write_full(in[1], "x", 1), 0);
	run_until_done(&outcome);
	assert_int_equal(outcome.result, -EPIPE);
	relay_free(relay);
	loop_free(outcome.loop);
	close(in[0]);
	close(in[1]);
	close(out[1]);
}

static void the_callers_descriptors_stay_blocking(void **state)
{
	struct outcome outcome = { 0 };
	struct relay *relay;
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(loop_new(&outcome.loop, NULL), 0);
	assert_int_equal(relay_new(outcome.loop, in[0], out[1], on_done, &outcome, &relay, NULL),
			 0);
	assert_int_equal(fcntl(in[0], F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(out[1], F_GETFL) & O_NONBLOCK, 0);
	relay_free(relay);
	loop_free(outcome.loop);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_megabytes_arrive_as_they_were),
		cmocka_unit_test(a_slow_reader_gets_everything_and_costs_no_time),
		cmocka_unit_test(an_empty_stream_ends_at_once),
		cmocka_unit_test(files_and_sockets_work_as_ends),
		cmocka_unit_test(a_reader_that_left_is_reported),
		cmocka_unit_test(the_callers_descriptors_stay_blocking),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
