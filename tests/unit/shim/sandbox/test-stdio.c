/* SPDX-License-Identifier: Apache-2.0 */
/* Standard streams: FIFOs and files on one side, the guest's stream sockets on the other. */
#include "shim/sandbox/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"
#include "shim/sandbox/streams.h"
#include "tests/unit/test.h"

#define MANY_BYTES (100u << 20)

struct fixture {
	struct loop *loop;
	struct vsock_link *link;
	int vmm_fd;
	uint32_t next_port;
	struct streams *streams;
	struct stdio_parts parts;
	struct stdio *stdio;
	char dir[64];
	char in[96], out[96], err[96];
	bool drained;
};

static void set_up(struct fixture *f)
{
	int pair[2];

	*f = (struct fixture){ .next_port = VSOCK_PORT_STDIO_FIRST,
			       .dir = "/tmp/test-stdio.XXXXXX" };
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->in, sizeof(f->in), "%s/in", f->dir);
	(void)snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	(void)snprintf(f->err, sizeof(f->err), "%s/err", f->dir);
	assert_int_equal(mkfifo(f->in, 0600), 0);
	assert_int_equal(mkfifo(f->out, 0600), 0);
	assert_int_equal(mkfifo(f->err, 0600), 0);
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->vmm_fd = pair[1];
	assert_int_equal(vsock_link_new(f->loop, pair[0], &f->link, NULL), 0);
	assert_int_equal(streams_new(f->loop, &f->streams, NULL), 0);
	f->parts = (struct stdio_parts){ f->loop, f->link, &f->next_port, f->streams };
}

static void tear_down(struct fixture *f)
{
	stdio_free(f->stdio);
	streams_free(f->streams);
	vsock_link_free(f->link);
	close(f->vmm_fd);
	loop_free(f->loop);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
}

static void open_stdio(struct fixture *f, bool terminal, const char *in, const char *out,
		       const char *err)
{
	struct stdio_paths paths = { terminal, in, out, err, "ns", "box" };
	struct err failure = ERR_INIT;

	if (stdio_new(&f->parts, &paths, &f->stdio, &failure) < 0)
		fail_msg("%s", err_text(&failure));
}

static int dial(struct fixture *f, uint32_t port)
{
	struct vsock_link_message message = { .port = port };
	int pair[2];

	assert_true(port >= VSOCK_PORT_STDIO_FIRST);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send(f->vmm_fd, &message, sizeof(message), &pair[1], 1), 0);
	close(pair[1]);
	assert_int_equal(loop_step(f->loop, 1000), 0);
	return pair[0];
}

static void note_drained(void *ctx)
{
	((struct fixture *)ctx)->drained = true;
}

/* Runs the loop until fd is readable, then reads. */
static ssize_t read_with_loop(struct fixture *f, int fd, void *data, size_t len)
{
	for (int i = 0; i < 1000; i++) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (poll(&ready, 1, 0) == 1)
			return read(fd, data, len);
		assert_int_equal(loop_step(f->loop, 10), 0);
	}
	fail_msg("nothing to read for ten seconds");
	return -1;
}

static void run_until_drained(struct fixture *f)
{
	for (int i = 0; !f->drained && i < 1000; i++)
		assert_int_equal(loop_step(f->loop, 10), 0);
	assert_true(f->drained);
}

static void output_ends_when_the_process_has_ended_and_not_before(void **state)
{
	struct fixture f;
	int reader, guest;
	char text[16];

	(void)state;
	set_up(&f);
	open_stdio(&f, false, "", f.out, "");
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	guest = dial(&f, stdio_get_ports(f.stdio).out);
	assert_int_equal(write(guest, "hello", 5), 5);
	assert_int_equal(read_with_loop(&f, reader, text, sizeof(text)), 5);
	/* The process closes its stdout and lives on. */
	close(guest);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	assert_int_equal(read(reader, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
	stdio_drain(f.stdio, note_drained, &f);
	assert_true(f.drained);
	assert_int_equal(read(reader, text, sizeof(text)), 0);
	close(reader);
	tear_down(&f);
}

static void output_may_come_before_its_reader_and_the_reader_may_change(void **state)
{
	struct fixture f;
	int reader, guest;
	char text[16];

	(void)state;
	set_up(&f);
	open_stdio(&f, false, "", f.out, "");
	guest = dial(&f, stdio_get_ports(f.stdio).out);
	assert_int_equal(write(guest, "one", 3), 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(read_with_loop(&f, reader, text, sizeof(text)), 3);
	close(reader);
	assert_int_equal(write(guest, "two", 3), 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(read_with_loop(&f, reader, text, sizeof(text)), 3);
	assert_memory_equal(text, "two", 3);
	close(reader);
	close(guest);
	tear_down(&f);
}

static void the_guest_writes_many_bytes(int fd)
{
	static uint8_t block[65536];

	for (size_t sent = 0; sent < MANY_BYTES; sent += sizeof(block)) {
		for (size_t i = 0; i < sizeof(block); i += 4096)
			block[i] = (uint8_t)((sent + i) >> 12);
		if (fd_write_full(fd, block, sizeof(block)) < 0)
			_exit(1);
	}
	_exit(0);
}

/* In a process of its own, slowly; the status tells whether every byte was as it should be. */
static void a_client_reads_slowly(const char *path)
{
	static uint8_t block[65536];
	size_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	for (;;) {
		ssize_t n = read(fd, block, sizeof(block));

		if (n < 0)
			_exit(2);
		if (n == 0)
			_exit(got == MANY_BYTES ? 0 : 3);
		for (size_t i = 0; i < (size_t)n; i++)
			if (block[i] != ((got + i) % 4096 ? 0 : (uint8_t)((got + i) >> 12)))
				_exit(4);
		got += (size_t)n;
		if (got % (4u << 20) < (size_t)n)
			usleep(20000);
	}
}

static void a_hundred_megabytes_pass_a_slow_reader_unharmed(void **state)
{
	struct fixture f;
	int guest, status;
	pid_t writer, reader;

	(void)state;
	set_up(&f);
	/* Before the streams are open: it must not inherit a write end. */
	reader = fork();
	if (reader == 0)
		a_client_reads_slowly(f.out);
	open_stdio(&f, false, "", f.out, "");
	guest = dial(&f, stdio_get_ports(f.stdio).out);
	writer = fork();
	if (writer == 0)
		the_guest_writes_many_bytes(guest);
	close(guest);
	/* As when the process's end is told while its output is still under way. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	stdio_drain(f.stdio, note_drained, &f);
	while (!f.drained)
		assert_int_equal(loop_step(f.loop, 10000), 0);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(WEXITSTATUS(status), 0);
	tear_down(&f);
}

static void stdin_ends_after_close_and_after_what_was_written(void **state)
{
	struct fixture f;
	int writer, guest;
	char text[16];

	(void)state;
	set_up(&f);
	writer = open(f.in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	open_stdio(&f, false, f.in, "", "");
	assert_int_equal(write(writer, "buffered", 8), 8);
	close(writer);
	/* The client is gone, but nobody said that this was all. */
	guest = dial(&f, stdio_get_ports(f.stdio).in);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 8);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	assert_int_equal(recv(guest, text, sizeof(text), MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	/* Another one comes, writes, and says so, in the worst order. */
	writer = open(f.in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(write(writer, "more", 4), 4);
	stdio_close_stdin(f.stdio);
	close(writer);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 4);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 0);
	close(guest);
	tear_down(&f);
}

static void a_terminal_uses_one_stream_both_ways(void **state)
{
	struct fixture f;
	struct stdio_ports ports;
	int writer, reader, guest;
	char text[16];

	(void)state;
	set_up(&f);
	writer = open(f.in, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	open_stdio(&f, true, f.in, f.out, f.err);
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ports = stdio_get_ports(f.stdio);
	assert_int_equal(ports.in, ports.out);
	assert_int_equal(ports.err, 0);
	guest = dial(&f, ports.out);
	assert_int_equal(write(writer, "typed", 5), 5);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 5);
	assert_int_equal(write(guest, "shown", 5), 5);
	assert_int_equal(read_with_loop(&f, reader, text, sizeof(text)), 5);
	/* No hang-up when the input ends. */
	stdio_close_stdin(f.stdio);
	close(writer);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	assert_int_equal(recv(guest, text, sizeof(text), MSG_DONTWAIT), -1);
	assert_int_equal(write(guest, "still", 5), 5);
	assert_int_equal(read_with_loop(&f, reader, text, sizeof(text)), 5);
	close(reader);
	close(guest);
	tear_down(&f);
}

static void a_stream_that_the_guest_never_ends_is_given_up(void **state)
{
	struct fixture f;
	int reader, guest;
	int64_t before;

	(void)state;
	set_up(&f);
	open_stdio(&f, false, "", f.out, f.err);
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* stdout is connected and stays open; stderr is never connected. */
	guest = dial(&f, stdio_get_ports(f.stdio).out);
	before = clock_monotonic_ms();
	stdio_drain(f.stdio, note_drained, &f);
	assert_false(f.drained);
	run_until_drained(&f);
	/* It had its five seconds, and on a busy machine the test has some of its own. */
	assert_in_range(clock_monotonic_ms() - before, 4900, 29000);
	close(guest);
	close(reader);
	tear_down(&f);
}

/* Nobody who only reads could tell them from streams that were empty. */
static void lost_streams_are_told(void **state)
{
	struct vsock_link_message message = { 0 };
	struct fixture f;
	int reader, guest;
	char text[16];

	(void)state;
	set_up(&f);
	open_stdio(&f, false, "", f.out, "file:///dev/full");
	assert_string_equal(stdio_failure(f.stdio), "");
	reader = open(f.out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	/* The guest's descriptor got lost on its way. */
	message.port = stdio_get_ports(f.stdio).out;
	assert_int_equal(fd_send(f.vmm_fd, &message, sizeof(message), NULL, 0), 0);
	assert_int_equal(loop_step(f.loop, 1000), 0);
	assert_string_equal(stdio_failure(f.stdio), "stdout is lost: Too many open files");
	/* It has not ended, as its process has not. */
	assert_int_equal(read(reader, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
	guest = dial(&f, stdio_get_ports(f.stdio).err);
	assert_int_equal(write(guest, "hello", 5), 5);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 0);
	stdio_drain(f.stdio, note_drained, &f);
	run_until_drained(&f);
	assert_int_equal(read(reader, text, sizeof(text)), 0);
	close(guest);
	close(reader);
	stdio_free(f.stdio);

	/* Nowhere to write to is as much of a loss. */
	open_stdio(&f, false, "", "file:///dev/full", "");
	guest = dial(&f, stdio_get_ports(f.stdio).out);
	assert_int_equal(write(guest, "hello", 5), 5);
	assert_int_equal(read_with_loop(&f, guest, text, sizeof(text)), 0);
	assert_string_equal(stdio_failure(f.stdio), "stdout is lost: No space left on device");
	close(guest);
	tear_down(&f);
}

static void what_is_no_stream_is_refused_with_its_name(void **state)
{
	struct fixture f;
	struct stdio_paths missing = { false, "", "/nonexistent/fifo", "", "ns", "box" };
	struct stdio_paths plain = { false, "", "/etc/passwd", "", "ns", "box" };
	struct stdio_paths scheme = { false, "", "", "tcp://x", "ns", "box" };
	struct stdio_paths file_in = { false, "file:///etc/passwd", "", "", "ns", "box" };
	struct err err = ERR_INIT;

	(void)state;
	set_up(&f);
	assert_int_equal(stdio_new(&f.parts, &missing, &f.stdio, &err), -ENOENT);
	assert_non_null(strstr(err.text, "stdout: "));
	assert_int_equal(stdio_new(&f.parts, &plain, &f.stdio, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a FIFO"));
	assert_int_equal(stdio_new(&f.parts, &scheme, &f.stdio, &err), -EINVAL);
	assert_non_null(strstr(err.text, "stderr: "));
	assert_int_equal(stdio_new(&f.parts, &file_in, &f.stdio, &err), -EINVAL);
	f.stdio = NULL;
	tear_down(&f);
}

static void a_program_takes_both_outputs(void **state)
{
	static const char script[] =
		"#!/bin/sh\nexec 5>&-\n"
		"{ echo $CONTAINER_NAMESPACE/$CONTAINER_ID \"$@\"; cat <&3; cat <&4; }"
		" >${0%/*}/.got && mv ${0%/*}/.got ${0%/*}/got\n";
	char program[128], uri[192], got[128];
	_cleanup_free_ char *text = NULL;
	struct fixture f;
	int out, err;

	(void)state;
	set_up(&f);
	(void)snprintf(program, sizeof(program), "%s/logger", f.dir);
	(void)snprintf(got, sizeof(got), "%s/got", f.dir);
	(void)snprintf(uri, sizeof(uri), "binary://%s?key=a%%20b&flag", program);
	assert_int_equal(file_write_atomic(program, script, strlen(script), 0700, NULL), 0);
	open_stdio(&f, false, "", uri, uri);
	out = dial(&f, stdio_get_ports(f.stdio).out);
	err = dial(&f, stdio_get_ports(f.stdio).err);
	assert_int_equal(fd_write_full(out, "output\n", 7), 0);
	assert_int_equal(fd_write_full(err, "errors\n", 7), 0);
	close(out);
	close(err);
	stdio_drain(f.stdio, note_drained, &f);
	run_until_drained(&f);
	for (int i = 0; i < 500 && access(got, F_OK) < 0; i++)
		assert_int_equal(loop_step(f.loop, 10), 0);
	assert_int_equal(file_read(AT_FDCWD, got, 4096, &text, NULL, NULL), 0);
	assert_string_equal(text, "ns/box key a b flag\noutput\nerrors\n");
	tear_down(&f);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
	static const char uri[] = "binary:///no/such/logger";
	struct stdio_paths paths = { false, "", uri, uri, "ns", "box" };
	struct err err = ERR_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(stdio_new(&f.parts, &paths, &f.stdio, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no/such/logger"));
	f.stdio = NULL;
	tear_down(&f);
}

static void a_stream_is_named_by_its_id_and_given_back(void **state)
{
	const char *uri = "ttrpc+unix:///run/shim.sock?streaming_id=box-stdout";
	struct err err = ERR_INIT;
	struct fixture f;
	int fd = -1;

	(void)state;
	set_up(&f);
	open_stdio(&f, false, "", uri, "");
	assert_true(stdio_get_ports(f.stdio).out != 0);
	assert_int_equal(streams_claim(f.streams, "box-stdout", false, &fd, &err), -EEXIST);
	stdio_free(f.stdio);
	f.stdio = NULL;
	open_stdio(&f, false, uri, "", "");
	tear_down(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_named_by_its_id_and_given_back),
		cmocka_unit_test(output_ends_when_the_process_has_ended_and_not_before),
		cmocka_unit_test(output_may_come_before_its_reader_and_the_reader_may_change),
		cmocka_unit_test(a_hundred_megabytes_pass_a_slow_reader_unharmed),
		cmocka_unit_test(stdin_ends_after_close_and_after_what_was_written),
		cmocka_unit_test(a_terminal_uses_one_stream_both_ways),
		cmocka_unit_test(a_stream_that_the_guest_never_ends_is_given_up),
		cmocka_unit_test(lost_streams_are_told),
		cmocka_unit_test(what_is_no_stream_is_refused_with_its_name),
		cmocka_unit_test(a_program_takes_both_outputs),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
