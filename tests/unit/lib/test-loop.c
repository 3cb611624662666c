/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: descriptors, timers, signals, children, and freeing any of them at any time. */
#include "tests/unit/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/loop.h"

struct fixture {
	struct loop *loop;
	struct loop_source *source, *other;
	int calls;
	int value;
};

static void quit_on_call(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	loop_quit(f->loop, 5);
}

static void a_timer_fires_once_not_before_its_time(void **state)
{
	struct fixture f = { 0 };
	int64_t start = clock_monotonic_ms();

	(void)state;
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	assert_int_equal(loop_add_timer(f.loop, quit_on_call, &f, &f.source), 0);
	loop_timer_arm(f.source, 20);
	assert_int_equal(loop_run(f.loop), 5);
	assert_true(clock_monotonic_ms() - start >= 19);
	assert_int_equal(loop_step(f.loop, 30), 0);
	assert_int_equal(f.calls, 1);
	loop_free(f.loop);
}

static void free_both(void *ctx, int fd, uint32_t events)
{
	struct fixture *f = ctx;

	(void)fd;
	(void)events;
	f->calls++;
	loop_source_free(f->source);
	loop_source_free(f->other);
}

static void a_source_freed_in_a_callback_is_not_called_any_more(void **state)
{
	struct fixture f = { 0 };
	int one[2], two[2];

	(void)state;
	assert_int_equal(pipe(one), 0);
	assert_int_equal(pipe(two), 0);
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	assert_int_equal(loop_add_fd(f.loop, one[0], EPOLLIN, free_both, &f, &f.source), 0);
	assert_int_equal(loop_add_fd(f.loop, two[0], EPOLLIN, free_both, &f, &f.other), 0);
	assert_int_equal(write(one[1], "x", 1), 1);
	assert_int_equal(write(two[1], "x", 1), 1);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_int_equal(loop_step(f.loop, 0), 0);
	assert_int_equal(f.calls, 1);
	loop_free(f.loop);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct fixture *f = ctx;

	(void)pid;
	f->value = WEXITSTATUS(wait_status);
	loop_quit(f->loop, 0);
}

static void a_childs_exit_status_arrives_and_it_is_reaped(void **state)
{
	struct fixture f = { 0 };
	pid_t pid;

	(void)state;
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	pid = fork();
	if (pid == 0)
		_exit(42);
	assert_int_equal(loop_add_child(f.loop, pid, child_ended, &f, &f.source), 0);
	assert_int_equal(loop_run(f.loop), 0);
	assert_int_equal(f.value, 42);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	loop_free(f.loop);
}

static void signal_came(void *ctx, const struct signalfd_siginfo *info)
{
	struct fixture *f = ctx;

	f->value = (int)info->ssi_signo;
	loop_quit(f->loop, 0);
}

static void a_signal_arrives_as_an_event(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	assert_int_equal(loop_add_signal(f.loop, SIGUSR2, signal_came, &f, &f.source), 0);
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	assert_int_equal(loop_run(f.loop), 0);
	assert_int_equal(f.value, SIGUSR2);
	loop_free(f.loop);
}

static void defer_again(void *ctx)
{
	struct fixture *f = ctx;

	f->calls++;
	assert_int_equal(loop_add_deferred(f->loop, defer_again, f, NULL), 0);
}

static void what_a_deferred_call_defers_waits_for_the_next_round(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_int_equal(loop_new(&f.loop, NULL), 0);
	assert_int_equal(loop_add_deferred(f.loop, defer_again, &f, NULL), 0);
	assert_int_equal(loop_step(f.loop, -1), 0);
	assert_int_equal(f.calls, 1);
	assert_int_equal(loop_step(f.loop, -1), 0);
	assert_int_equal(f.calls, 2);
	loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_once_not_before_its_time),
		cmocka_unit_test(a_source_freed_in_a_callback_is_not_called_any_more),
		cmocka_unit_test(a_childs_exit_status_arrives_and_it_is_reaped),
		cmocka_unit_test(a_signal_arrives_as_an_event),
		cmocka_unit_test(what_a_deferred_call_defers_waits_for_the_next_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
