/* SPDX-License-Identifier: Apache-2.0 */
/* Files that name a process. */
#include "shim/pidfile.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

static char path[64];

static int make_path(void **state)
{
	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/test-pidfile.%d", getpid());
	return 0;
}

static int remove_path(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static void the_process_that_wrote_it_lives(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pidfile_write(path, getpid(), &err), 0);
	assert_true(pidfile_lives(path));
}

static void another_start_time_is_another_process(void **state)
{
	char text[64];

	(void)state;
	(void)snprintf(text, sizeof(text), "%d 1\n", getpid());
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
	assert_false(pidfile_lives(path));
	/* And is not killed: we would not come to the next line. */
	assert_int_equal(pidfile_kill(path, 100, NULL), 0);
}

static void a_file_that_is_not_there_or_nonsense_names_nobody(void **state)
{
	int pidfd;
	pid_t pid;

	(void)state;
	assert_int_equal(pidfile_open("/nonexistent/pid", &pidfd, &pid), -ENOENT);
	assert_int_equal(file_write_atomic(path, "-1 5\n", 5, 0600, NULL), 0);
	assert_int_equal(pidfile_open(path, &pidfd, &pid), -EINVAL);
	assert_int_equal(file_write_atomic(path, "1 1\n", 4, 0600, NULL), 0);
	assert_int_equal(pidfile_open(path, &pidfd, &pid), -EINVAL);
}

static void kill_ends_the_process_and_waits_for_it(void **state)
{
	struct err err = ERR_INIT;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(pidfile_write(path, pid, &err), 0);
	assert_int_equal(pidfile_kill(path, 5000, &err), 0);
	/* A zombie until we reap it, which is not alive. */
	assert_false(pidfile_lives(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(pidfile_kill(path, 5000, &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_process_that_wrote_it_lives),
		cmocka_unit_test(another_start_time_is_another_process),
		cmocka_unit_test(a_file_that_is_not_there_or_nonsense_names_nobody),
		cmocka_unit_test(kill_ends_the_process_and_waits_for_it),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
