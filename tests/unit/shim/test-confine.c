/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim can no longer do, and what it still can. Each case is a process of its own. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shim/confine.h"

/* Runs it confined; its result is 0 where it held. */
static void confined(int (*check)(void))
{
	int wait_status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(confine_shim(NULL) < 0 ? 100 : check());
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &wait_status, 0), pid);
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
}

static int refuses_the_machine(void)
{
	struct timespec when = { 0 };

	if (syscall(SYS_init_module, NULL, 0, "") == 0 || errno != EPERM)
		return 1;
	if (clock_settime(CLOCK_REALTIME, &when) == 0 || errno != EPERM)
		return 2;
	if (syscall(SYS_reboot, 0, 0, 0, NULL) == 0 || errno != EPERM)
		return 3;
	if (syscall(SYS_ptrace, 0, 0, 0, 0) == 0 || errno != EPERM)
		return 4;
	/* x32's number of getpid */
	return syscall(SYS_getpid | 0x40000000) < 0 && errno == ENOSYS ? 0 : 5;
}

static void it_cannot_touch_the_machine_as_a_whole(void **state)
{
	(void)state;
	confined(refuses_the_machine);
}

static int keeps_what_it_needs(void)
{
	pid_t pid;

	if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 1)
		return 1;
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_MODULE, 0, 0, 0) != 0)
		return 2;
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_TIME, 0, 0, 0) != 0)
		return 3;
	/* Programs are started, with namespaces of their own. */
	pid = fork();
	if (pid == 0) {
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : 4;
}

static void it_keeps_what_its_children_need(void **state)
{
	(void)state;
	confined(keeps_what_it_needs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_cannot_touch_the_machine_as_a_whole),
		cmocka_unit_test(it_keeps_what_its_children_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
