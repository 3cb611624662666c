/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exit of a process that ran is told once, and only once, whatever else goes wrong: with
 * fake-vmm.c in place of a virtual machine, whose agent may lie.
 */
#include <signal.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tests/unit/shim/daemon.h"
#include "tests/unit/test.h"

#define EXIT  "/tasks/exit"
#define START "/tasks/start"

enum what_happens {
	IT_ENDS,
	VMM_IS_KILLED,
	IT_ENDS_AND_VMM_IS_KILLED,
	SHIM_IS_TOLD_TO_END,
};

static void happen(struct daemon *d, enum what_happens what)
{
	pid_t vmm = daemon_pid_file(d, "vmm.pid");

	if (what == IT_ENDS || what == IT_ENDS_AND_VMM_IS_KILLED)
		(void)daemon_kill(d, "", SIGKILL);
	if (vmm > 1 && (what == VMM_IS_KILLED || what == IT_ENDS_AND_VMM_IS_KILLED))
		(void)kill(vmm, SIGKILL);
	if (what == SHIM_IS_TOLD_TO_END)
		(void)kill(d->pid, SIGTERM);
}

static unsigned count(const char *topics, const char *topic)
{
	unsigned n = 0;

	for (const char *at = topics; (at = strstr(at, topic)); at++)
		n++;
	return n;
}

static void live(const char *word, enum what_happens what)
{
	char annotation[128], message[1024];
	_cleanup_free_ char *topics = NULL;
	bool started = false;
	struct daemon d;
	unsigned n;

	(void)snprintf(annotation, sizeof(annotation), "\"io.kata-like.cmdline\":\"%s\"", word);
	daemon_start_published(&d, "exec sleep 1", annotation);
	daemon_create(&d, "", "", "");
	started = daemon_try_start(&d, "", message) == TTRPC_OK;
	happen(&d, what);
	if (what != SHIM_IS_TOLD_TO_END) {
		(void)daemon_wait(&d, "");
		(void)daemon_delete_task(&d, "");
		daemon_shut_down(&d);
	}
	daemon_await_end(d.pid);
	topics = daemon_topics(&d);
	n = count(topics, EXIT);
	if (n > 1 || (started && n != 1) || (count(topics, START) > 0) != started)
		fail_msg("\"%s\", %d: %s, its exit was told %u times", word, (int)what,
			 started ? "started" : "not started", n);
	daemon_gone(&d);
}

static void each_that_may_happen(const char *word)
{
	live(word, IT_ENDS);
	live(word, VMM_IS_KILLED);
	live(word, IT_ENDS_AND_VMM_IS_KILLED);
	live(word, SHIM_IS_TOLD_TO_END);
}

static void an_exit_is_told_once(void **state)
{
	(void)state;
	each_that_may_happen("quiet");
}

static void an_agent_that_answers_twice_changes_nothing(void **state)
{
	(void)state;
	each_that_may_happen("fake.agent=twice/WaitProcess");
	live("fake.agent=twice/StartContainer", IT_ENDS_AND_VMM_IS_KILLED);
}

static void an_agent_that_fails_the_wait_changes_nothing(void **state)
{
	(void)state;
	each_that_may_happen("fake.agent=error/WaitProcess");
	live("fake.agent=garbage/WaitProcess", VMM_IS_KILLED);
	live("fake.agent=unavailable/WaitProcess", VMM_IS_KILLED);
	live("fake.agent=closes/WaitProcess", IT_ENDS);
}

static void a_start_that_fails_has_no_exit_of_its_own(void **state)
{
	(void)state;
	live("fake.agent=error/StartContainer", IT_ENDS);
	live("fake.agent=closes/StartContainer", IT_ENDS);
	live("fake.panic", IT_ENDS);
	live("fake.drop", IT_ENDS_AND_VMM_IS_KILLED);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exit_is_told_once),
		cmocka_unit_test(an_agent_that_answers_twice_changes_nothing),
		cmocka_unit_test(an_agent_that_fails_the_wait_changes_nothing),
		cmocka_unit_test(a_start_that_fails_has_no_exit_of_its_own),
	};

	daemon_programs(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
