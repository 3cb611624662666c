/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that outlive the helper which started them. */
#include "shim/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

#define STEPS_MAX 500

struct ended {
	int wait_status;
	bool known;
};

static void helper_ended(void *ctx, pid_t pid, int wait_status)
{
	struct ended *ended = ctx;

	(void)pid;
	ended->wait_status = wait_status;
	ended->known = true;
}

/* A helper that starts a process, tells its number and ends with a status of its own. */
static pid_t start_helper(int *ret_fd)
{
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		pid_t orphan = fork();

		if (orphan == 0) {
			usleep(100000);
			_exit(3);
		}
		_exit(write(fds[1], &orphan, sizeof(orphan)) == sizeof(orphan) ? 7 : 1);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static void an_orphan_is_reaped_and_a_childs_end_is_left_to_its_owner(void **state)
{
	struct ended ended = { .known = false };
	struct loop_source *source;
	struct loop *loop;
	pid_t helper, orphan;
	int fd;

	(void)state;
	assert_int_equal(loop_new(&loop, NULL), 0);
	assert_int_equal(orphans_adopt(loop, NULL), 0);
	helper = start_helper(&fd);
	assert_int_equal(loop_add_child(loop, helper, helper_ended, &ended, &source), 0);
	assert_int_equal(fd_read_full(fd, &orphan, sizeof(orphan)), sizeof(orphan));
	close(fd);
	for (int i = 0; i < STEPS_MAX && (!ended.known || kill(orphan, 0) == 0); i++)
		assert_int_equal(loop_step(loop, 10), 0);
	assert_true(ended.known);
	assert_int_equal(WEXITSTATUS(ended.wait_status), 7);
	/* A zombie would still be there to signal. */
	assert_int_equal(kill(orphan, 0), -1);
	assert_int_equal(errno, ESRCH);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_orphan_is_reaped_and_a_childs_end_is_left_to_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
