/* SPDX-License-Identifier: Apache-2.0 */
/* The console: bounded whatever the guest sends, and open to input. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "vmm/legacy/console.h"

struct fixture {
	struct loop *loop;
	pthread_mutex_t lock;
	struct console console;
	bool quit;
};

static void on_quit(void *ctx)
{
	((struct fixture *)ctx)->quit = true;
}

static void start(struct fixture *f, int out_fd, int in_fd, bool bounded)
{
	struct console_config config = { .out_fd = out_fd,
					 .in_fd = in_fd,
					 .bounded = bounded,
					 .lock = &f->lock,
					 .quit = on_quit,
					 .quit_ctx = f };
	struct err err = ERR_INIT;

	*f = (struct fixture){ 0 };
	pthread_mutex_init(&f->lock, NULL);
	assert_int_equal(loop_new(&f->loop, &err), 0);
	config.loop = f->loop;
	assert_int_equal(console_init(&f->console, &config, &err), 0);
}

static void stop(struct fixture *f)
{
	console_fini(&f->console);
	loop_free(f->loop);
}

static void send(struct fixture *f, const char *text)
{
	for (; *text; text++)
		serial_write(&f->console.serial, 0, (uint8_t)*text);
}

static void a_file_keeps_the_end_of_what_was_said(void **state)
{
	int fd = memfd_create("console", MFD_CLOEXEC);
	char last[16] = "", line[64];
	struct fixture f;
	struct stat st;

	(void)state;
	start(&f, fd, -1, true);
	for (unsigned i = 0; i < 3 * CONSOLE_FILE_MAX / 32; i++) {
		(void)snprintf(line, sizeof(line), "%030u\n", i);
		send(&f, line);
	}
	send(&f, "the last line\n");
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size <= CONSOLE_FILE_MAX);
	assert_true(st.st_size >= CONSOLE_FILE_MAX / 2);
	assert_int_equal(pread(fd, last, 14, st.st_size - 14), 14);
	assert_string_equal(last, "the last line\n");
	stop(&f);
	close(fd);
}

static void a_file_is_continued(void **state)
{
	int fd = memfd_create("console", MFD_CLOEXEC);
	char text[16] = "";
	struct fixture f;

	(void)state;
	assert_int_equal(fd_write_full(fd, "before ", 7), 0);
	start(&f, fd, -1, true);
	send(&f, "after");
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 12);
	assert_string_equal(text, "before after");
	stop(&f);
	close(fd);
}

static void a_file_holds_nothing_that_commands_a_terminal(void **state)
{
	int fd = memfd_create("console", MFD_CLOEXEC);
	char text[128] = "";
	struct fixture f;

	(void)state;
	start(&f, fd, -1, true);
	send(&f, "\x1b]0;title\x07 \xc2\x9b"
		 "2J \b\tend\r\n");
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "\\x1b]0;title\\x07 \\xc2\\x9b2J \\x08\tend\n");
	stop(&f);
	close(fd);
}

static void a_file_takes_only_so_much_a_second(void **state)
{
	int fd = memfd_create("console", MFD_CLOEXEC);
	char text[64] = "";
	struct fixture f;
	struct stat st;

	(void)state;
	start(&f, fd, -1, true);
	f.console.budget = 10;
	for (unsigned i = 0; i < 1000; i++)
		send(&f, "x");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 10);
	/* A second passes. */
	f.console.filled_ms -= 1000;
	send(&f, "y");
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_string_equal(text, "xxxxxxxxxx\n[990 bytes too fast to be kept]\ny");
	assert_int_equal(f.console.budget, CONSOLE_RATE - 1);
	stop(&f);
	close(fd);
}

static void a_pipe_that_nobody_reads_stops_nobody(void **state)
{
	int64_t before_ms;
	struct fixture f;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)fcntl(fds[1], F_SETPIPE_SZ, 4096);
	start(&f, fds[1], -1, true);
	before_ms = clock_monotonic_ms();
	for (unsigned i = 0; i < 20000; i++)
		send(&f, "x");
	assert_true(clock_monotonic_ms() - before_ms < 200 * CONSOLE_STALL_MS);
	stop(&f);
	close(fds[0]);
	close(fds[1]);
}

static void typing_reaches_the_guest_and_waits_for_room(void **state)
{
	uint8_t text[SERIAL_FIFO_BYTES + 10];
	struct fixture f;
	int in[2], out[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	start(&f, out[1], in[0], false);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)('a' + i % 26);
	assert_int_equal(fd_write_full(in[1], text, sizeof(text)), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(loop_step(f.loop, 0), 0);
	for (size_t i = 0; i < sizeof(text); i++) {
		assert_int_equal(serial_read(&f.console.serial, 5) & 1, 1);
		assert_int_equal(serial_read(&f.console.serial, 0), text[i]);
		if (i == SERIAL_FIFO_BYTES - 1)
			for (unsigned j = 0; j < 5; j++)
				assert_int_equal(loop_step(f.loop, 0), 0);
	}
	stop(&f);
	for (unsigned i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void ctrl_a_x_quits_and_ctrl_a_twice_is_ctrl_a(void **state)
{
	struct fixture f;
	int in[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	start(&f, STDOUT_FILENO, in[0], false);
	assert_int_equal(fd_write_full(in[1],
				       "\x01\x01"
				       "b",
				       3),
			 0);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_false(f.quit);
	assert_int_equal(serial_read(&f.console.serial, 0), 1);
	assert_int_equal(serial_read(&f.console.serial, 0), 'b');
	assert_int_equal(fd_write_full(in[1], "\x01", 1), 0);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_int_equal(fd_write_full(in[1], "x", 1), 0);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_true(f.quit);
	assert_int_equal(serial_read(&f.console.serial, 5) & 1, 0);
	stop(&f);
	close(in[0]);
	close(in[1]);
}

static void the_end_of_input_is_no_busy_loop(void **state)
{
	struct fixture f;
	int in[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	start(&f, STDOUT_FILENO, in[0], false);
	close(in[1]);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_null(f.console.in_source);
	stop(&f);
	close(in[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_keeps_the_end_of_what_was_said),
		cmocka_unit_test(a_file_is_continued),
		cmocka_unit_test(a_file_holds_nothing_that_commands_a_terminal),
		cmocka_unit_test(a_file_takes_only_so_much_a_second),
		cmocka_unit_test(a_pipe_that_nobody_reads_stops_nobody),
		cmocka_unit_test(typing_reaches_the_guest_and_waits_for_room),
		cmocka_unit_test(ctrl_a_x_quits_and_ctrl_a_twice_is_ctrl_a),
		cmocka_unit_test(the_end_of_input_is_no_busy_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
