/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a child's log. */
#include "shim/sandbox/log-tail.h"

#include <fcntl.h>
#include <string.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

struct fixture {
	struct loop *loop;
	struct log_tail *tail;
	int write_fd;
	char path[64];
};

static void set_up(struct fixture *f)
{
	int fds[2];

	(void)snprintf(f->path, sizeof(f->path), "/tmp/test-log-tail.%d", getpid());
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	f->write_fd = fds[1];
	assert_int_equal(log_tail_new(f->loop, fds[0], f->path, "vmm", &f->tail, NULL), 0);
}

static void tear_down(struct fixture *f)
{
	log_tail_free(f->tail);
	loop_free(f->loop);
	(void)unlink(f->path);
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(fd_write_full(f->write_fd, text, strlen(text)), 0);
}

static void the_last_error_is_found_among_other_lines(void **state)
{
	struct fixture f;
	_cleanup_free_ char *file = NULL;

	(void)state;
	set_up(&f);
	say(&f, "kata-like-vmm: info: begins\nkata-like-vmm: first\nkata-like-vmm: seco");
	assert_int_equal(loop_step(f.loop, 1000), 0);
	say(&f, "nd: with a colon\nkata-like-vmm: vCPU 0:\nkata-like-vmm:   rip=0 rsp=0\n"
		"kata-like-vmm: warning: late\n");
	close(f.write_fd);
	log_tail_flush(f.tail);
	assert_string_equal(log_tail_last_error(f.tail), "second: with a colon");
	assert_int_equal(file_read(AT_FDCWD, f.path, 4096, &file, NULL, NULL), 0);
	assert_non_null(strstr(file, "info: begins"));
	assert_non_null(strstr(file, "warning: late\n"));
	tear_down(&f);
}

static void a_line_without_an_end_counts_and_a_long_one_is_cut(void **state)
{
	struct fixture f;
	char line[3000];

	(void)state;
	set_up(&f);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	say(&f, "vmm: ");
	say(&f, line);
	close(f.write_fd);
	log_tail_flush(f.tail);
	assert_true(strlen(log_tail_last_error(f.tail)) < ERR_TEXT_MAX);
	assert_true(strlen(log_tail_last_error(f.tail)) > ERR_TEXT_MAX / 2);
	tear_down(&f);
}

static void what_commands_a_terminal_is_spelt_out(void **state)
{
	struct fixture f;
	_cleanup_free_ char *file = NULL;

	(void)state;
	set_up(&f);
	say(&f, "guest: \x1b]0;owned\x07\r\n");
	close(f.write_fd);
	log_tail_flush(f.tail);
	assert_int_equal(file_read(AT_FDCWD, f.path, 4096, &file, NULL, NULL), 0);
	assert_string_equal(file, "guest: \\x1b]0;owned\\x07\n");
	tear_down(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_error_is_found_among_other_lines),
		cmocka_unit_test(a_line_without_an_end_counts_and_a_long_one_is_cut),
		cmocka_unit_test(what_commands_a_terminal_is_spelt_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
