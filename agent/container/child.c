/* SPDX-License-Identifier: Apache-2.0 */
/* What every child of the engine does between the fork and its own steps. */
#include "agent/container/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/close_range.h>

#include "agent/container/channel.h"
#include "agent/container/limits.h"
#include "agent/container/listener.h"
#include "agent/container/seccomp.h"
#include "agent/container/terminal.h"

#define KEEP_MAX 16

_noreturn_ void child_fail(const struct child *child, const struct err *err)
{
	channel_send_failed(child->channel_fd, err);
	_exit(1);
}

void child_run(struct child *child, const struct child_step *steps, size_t n_steps)
{
	for (size_t i = 0; i < n_steps; i++) {
		struct err err = ERR_INIT;
		int r = steps[i].run(child, &err);

		if (r < 0) {
			if (!err.code)
				err_set(&err, -r, "failed");
			err_push(&err, "%s", steps[i].what);
			child_fail(child, &err);
		}
	}
}

struct oci_state child_state(const struct child *child, const char *status)
{
	return (struct oci_state){
		.id = child->container->id, .status = status, .bundle = "/", .pid = getpid()
	};
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all from 3 up but those in keep, so that nothing of the agent's is seen in /proc/PID/fd.
 */
static int close_others(int *keep, size_t n_keep)
{
	unsigned int from = 3;

	qsort(keep, n_keep, sizeof(*keep), compare_fds);
	for (size_t i = 0; i <= n_keep; i++) {
		unsigned int to = i < n_keep ? (unsigned int)keep[i] - 1 : ~0U;

		if (i < n_keep && keep[i] < (int)from)
			continue;
		if (to >= from && syscall(SYS_close_range, from, to, 0) < 0)
			return -errno;
		if (i < n_keep)
			from = (unsigned int)keep[i] + 1;
	}
	return 0;
}

static int keep_only_needed(const struct child *child)
{
	const struct namespaces_plan *plan = &child->container->plan;
	int keep[KEEP_MAX];
	size_t n = 0;

	keep[n++] = child->channel_fd;
	if (child->init_pidfd >= 0)
		keep[n++] = child->init_pidfd;
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++) {
		if (plan->join_fds[kind] >= 0)
			keep[n++] = plan->join_fds[kind];
	}
	return close_others(keep, n);
}

static int take_std_fds(const struct child *child)
{
	int null_fd = child->container->engine->null_fd;

	for (int i = 0; i < 3; i++) {
		/* With a terminal these are only for the time until it is there. */
		int fd = child->std_fds[i] >= 0 ? child->std_fds[i] : null_fd;

		if (dup2(fd, i) < 0)
			return -errno;
	}
	return 0;
}

int child_detach(struct child *child, struct err *err)
{
	sigset_t none;
	int r;

	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR)
		return err_set(err, errno, "cannot reset the signals");
	if (setsid() < 0)
		return err_set(err, errno, "cannot make a session");
	/* On a host the engine may end before its containers, which are then nobody's. */
	if (!child->container->engine->config.in_guest &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set(err, errno, "cannot tie the process to its parent");
	r = take_std_fds(child);
	if (r == 0)
		r = keep_only_needed(child);
	return r < 0 ? err_set(err, -r, "cannot set up the descriptors") : 0;
}

int child_set_oom_score(struct child *child, struct err *err)
{
	return limits_set_oom_score(child->process, err);
}

int child_make_room(struct child *child, struct err *err)
{
	return limits_make_room(child->process, err);
}

int child_find_listener(struct child *child, struct err *err)
{
	const struct oci_seccomp *seccomp = child->spec->linux_.seccomp;

	if (!seccomp || !seccomp->listener_path || !seccomp_asks_listener(seccomp))
		return 0;
	child_note_outer_pid(child);
	return listener_connect(seccomp->listener_path, &child->listener_fd, err);
}

void child_note_outer_pid(struct child *child)
{
	char number[16] = "";

	if (readlink("/proc/self", number, sizeof(number) - 1) > 0)
		child->outer_pid = (pid_t)strtol(number, NULL, 10);
}

int child_open_terminal(struct child *child, int *ret_slave_fd, struct err *err)
{
	_cleanup_fd_ int master_fd = -1, slave_fd = -1;
	int r;

	*ret_slave_fd = -1;
	if (!child->process->terminal)
		return 0;
	r = terminal_open(child->root_fd, child->process, &master_fd, &slave_fd, err);
	if (r == 0)
		r = terminal_take(slave_fd, err);
	if (r < 0)
		return r;
	r = channel_send_terminal(child->channel_fd, master_fd);
	if (r < 0)
		return err_set(err, -r, "cannot hand over the terminal");
	*ret_slave_fd = TAKE_FD(slave_fd);
	return 0;
}
