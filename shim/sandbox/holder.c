/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that stands for one in the guest. Over a socket pair it says first that it is set up
 * (or why it is not), then each signal that it gets; what it hears is the status to end with.
 */
#include "shim/sandbox/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "shim/job.h"

#define HOLDER_NAME    "kata-like-task"
#define HOLDER_FD      3
#define STATUS_LOST    255
#define END_TIMEOUT_MS 1000

struct holder {
	struct loop_source *source, *child;
	int fd;
	pid_t pid;
	holder_signal_fn *signalled;
	void *ctx;
};

static void pass_signals_on(int signal_fd)
{
	struct signalfd_siginfo info;
	unsigned char number;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		number = (unsigned char)info.ssi_signo;
		(void)!send(HOLDER_FD, &number, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

_noreturn_ static void stand_by(int signal_fd)
{
	struct pollfd fds[] = { { HOLDER_FD, POLLIN, 0 }, { signal_fd, POLLIN, 0 } };
	unsigned char status = STATUS_LOST;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			pass_signals_on(signal_fd);
		if (fds[0].revents) {
			(void)!read(HOLDER_FD, &status, 1);
			_exit(status);
		}
	}
}

_noreturn_ static void child_main(pid_t parent, int fd, const struct holder_config *config)
{
	int r = job_child_reset(parent), null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), signal_fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	sigset_t all;

	if (r == 0 && config->netns_fd >= 0 && setns(config->netns_fd, CLONE_NEWNET) < 0)
		r = -errno;
	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	if (r == 0 && (high < 0 || null_fd < 0 || sigprocmask(SIG_SETMASK, &all, NULL) < 0 ||
		       prctl(PR_SET_NAME, HOLDER_NAME) < 0))
		r = -errno;
	for (int i = 0; r == 0 && i <= STDERR_FILENO; i++)
		if (dup2(null_fd, i) < 0)
			r = -errno;
	if (r == 0 && (dup3(high, HOLDER_FD, O_CLOEXEC) < 0 || close_range(4, ~0u, 0) < 0))
		r = -errno;
	signal_fd = r == 0 ? signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
	if (r == 0 && signal_fd < 0)
		r = -errno;
	if (send(signal_fd >= 0 ? HOLDER_FD : fd, &r, sizeof(r), MSG_NOSIGNAL) < 0 || r < 0)
		_exit(STATUS_LOST);
	stand_by(signal_fd);
}

static void signal_came(void *ctx, int fd, uint32_t events)
{
	struct holder *holder = ctx;
	unsigned char number;
	ssize_t n = recv(fd, &number, 1, MSG_DONTWAIT);

	(void)events;
	if (n == 1) {
		holder->signalled(holder->ctx, number);
	} else if (n == 0 || errno != EAGAIN) {
		loop_source_free(holder->source);
		holder->source = NULL;
	}
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct holder *holder = ctx;

	(void)pid;
	holder->child = NULL;
	holder->pid = 0;
	if (WIFSIGNALED(wait_status))
		holder->signalled(holder->ctx, WTERMSIG(wait_status));
}

static int await_settled(int fd, struct err *err)
{
	int result;
	ssize_t n;

	do
		n = recv(fd, &result, sizeof(result), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(result))
		return err_say(err, EIO, "the task's process on the host ended at once");
	return result < 0 ? err_set(err, -result,
				    "cannot put the task's process on the host in its place")
			  : 0;
}

int holder_new(struct loop *loop, const struct holder_config *config, holder_signal_fn *signalled,
	       void *ctx, struct holder **ret_holder, struct err *err)
{
	struct holder *holder = calloc(1, sizeof(*holder));
	pid_t parent = getpid();
	int pair[2], r;

	if (!holder || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(holder);
		return err_set(err, errno, "cannot make the task's process on the host");
	}
	*holder = (struct holder){ .fd = pair[0], .signalled = signalled, .ctx = ctx };
	holder->pid = job_fork_into(config->cgroup_fd, 0);
	if (holder->pid == 0)
		child_main(parent, pair[1], config);
	r = holder->pid < 0 ? err_set(err, errno, "cannot make the task's process on the host") : 0;
	close(pair[1]);
	if (r == 0)
		r = await_settled(holder->fd, err);
	if (r == 0 &&
	    (loop_add_child(loop, holder->pid, child_ended, holder, &holder->child) < 0 ||
	     loop_add_fd(loop, holder->fd, EPOLLIN, signal_came, holder, &holder->source) < 0))
		r = err_set(err, ENOMEM, "cannot watch the task's process on the host");
	if (r < 0) {
		holder_end(holder, STATUS_LOST);
		return r;
	}
	*ret_holder = holder;
	return 0;
}

pid_t holder_pid(const struct holder *holder)
{
	return holder->pid;
}

/* It ends by itself; one that is stopped (SIGSTOP, a frozen cgroup) is not waited for longer. */
static void reap(pid_t pid)
{
	int64_t end = clock_monotonic_ms() + END_TIMEOUT_MS;

	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (clock_monotonic_ms() > end) {
			(void)kill(pid, SIGKILL);
			end = INT64_MAX;
		}
		(void)usleep(500);
	}
}

void holder_end(struct holder *holder, uint32_t exit_status)
{
	unsigned char status = (unsigned char)MIN(exit_status, 255u);

	if (!holder)
		return;
	loop_source_free(holder->source);
	loop_source_free(holder->child);
	(void)!send(holder->fd, &status, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(holder->fd);
	if (holder->pid > 0)
		reap(holder->pid);
	free(holder);
}
