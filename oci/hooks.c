/* SPDX-License-Identifier: Apache-2.0 */
/* Runs hooks. */
#include "oci/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/fd.h"

#define SAID_MAX 256

/* A hook that runs. */
struct running {
	pid_t pid;
	int pidfd, output_fd;
	char said[SAID_MAX]; /* the end of what it wrote */
	size_t said_len;
};

/* The state object in a file, for a hook's stdin. */
static int state_file(const struct oci_spec *spec, const struct oci_state *state)
{
	struct json_object *object = oci_state_describe(spec, state);
	const char *text;
	int fd = object ? memfd_create("state", MFD_CLOEXEC) : -1;

	text = fd >= 0 ? json_object_to_json_string_ext(
				 object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
		       : NULL;
	if (fd >= 0 &&
	    (!text || fd_write_full(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		close(TAKE_FD(fd));
	json_object_put(object);
	return fd;
}

/* What cannot be executed says so where the hook's own words would be. */
_noreturn_ static void hook_child(const struct oci_hook *hook, int state_fd, int output_fd)
{
	char *const only_path[] = { hook->path, NULL };
	char *const nothing[] = { NULL };

	/* A group of its own, to be killed as a whole; and it goes when who waits for it goes. */
	if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		_exit(126);
	if (dup2(state_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
	    dup2(output_fd, STDERR_FILENO) < 0)
		_exit(126);
	execve(hook->path, hook->args.n > 0 ? hook->args.list : only_path,
	       hook->env.list ? hook->env.list : nothing);
	(void)dprintf(STDERR_FILENO, "cannot execute it: %s", strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Keeps the end of what there is to read. */
static void take_output(struct running *running)
{
	char chunk[SAID_MAX / 2];
	ssize_t n;

	while ((n = read(running->output_fd, chunk, sizeof(chunk))) > 0) {
		size_t keep = MIN(running->said_len, SAID_MAX - 1 - (size_t)n);

		memmove(running->said, running->said + running->said_len - keep, keep);
		memcpy(running->said + keep, chunk, (size_t)n);
		running->said_len = keep + (size_t)n;
	}
	/* Nobody writes to it any more: not to be told of that again and again. */
	if (n == 0)
		close(TAKE_FD(running->output_fd));
}

/*
 * Until it ends, at most timeout_s seconds (negative: for ever): 1 when it has ended, 0 when not.
 * Children that it leaves behind may hold the pipe for as long as they like.
 */
static int wait_for(struct running *running, int64_t timeout_s)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_s * 1000;
	struct pollfd fds[] = { { .fd = running->pidfd, .events = POLLIN },
				{ .fd = running->output_fd, .events = POLLIN } };

	for (;;) {
		int64_t left_ms = MAX(deadline_ms - clock_monotonic_ms(), (int64_t)0);
		int n = poll(fds, 2, timeout_s < 0 ? -1 : (int)MIN(left_ms, (int64_t)INT32_MAX));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0 && fds[1].revents)
			take_output(running);
		fds[1].fd = running->output_fd;
		if (n > 0 && fds[0].revents) {
			if (running->output_fd >= 0)
				take_output(running);
			return 1;
		}
		if (n == 0 && left_ms == 0)
			return 0;
	}
}

static int start(const struct oci_hook *hook, int state_fd, struct running *ret_running)
{
	_cleanup_fd_ int read_fd = -1, write_fd = -1;
	int pair[2] = { -1, -1 };
	pid_t pid;
	int pidfd;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pair[0];
	write_fd = pair[1];
	if (fd_set_nonblock(read_fd, 1) < 0)
		return -EBADF;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		hook_child(hook, state_fd, write_fd);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		int code = errno;

		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return -code;
	}
	*ret_running =
		(struct running){ .pid = pid, .pidfd = pidfd, .output_fd = TAKE_FD(read_fd) };
	return 0;
}

/* Reaps it, after a kill where it has not ended by itself. */
static int reap(const struct running *running, bool ended)
{
	int status = 0;

	if (!ended && kill(-running->pid, SIGKILL) < 0)
		(void)kill(running->pid, SIGKILL);
	while (waitpid(running->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 0;
	}
	return status;
}

static int judge(struct running *running, int status, struct err *err)
{
	const char *colon;

	while (running->said_len > 0 && running->said[running->said_len - 1] == '\n')
		running->said_len--;
	running->said[running->said_len] = '\0';
	colon = *running->said ? ": " : "";
	if (WIFSIGNALED(status))
		return err_say(err, EIO, "it was ended by signal %d%s%s", WTERMSIG(status), colon,
			       running->said);
	if (WEXITSTATUS(status) != 0)
		return err_say(err, EIO, "it ended with status %d%s%s", WEXITSTATUS(status), colon,
			       running->said);
	return 0;
}

static int run_one(const struct oci_hook *hook, int state_fd, struct err *err)
{
	struct running running = { .pidfd = -1, .output_fd = -1 };
	int r = start(hook, state_fd, &running);
	int ended, status;

	if (r < 0)
		return err_set(err, -r, "cannot start it");
	ended = wait_for(&running, hook->timeout.set ? hook->timeout.value : -1);
	status = reap(&running, ended > 0);
	close(running.pidfd);
	if (running.output_fd >= 0)
		close(running.output_fd);
	if (ended < 0)
		return err_set(err, -ended, "cannot wait for it");
	if (ended == 0)
		return err_say(err, ETIMEDOUT, "it took longer than %lld seconds",
			       (long long)hook->timeout.value);
	return judge(&running, status, err);
}

int oci_hooks_run(const struct oci_hook_list *hooks, const char *stage, const struct oci_spec *spec,
		  const struct oci_state *state, struct err *err)
{
	for (size_t i = 0; i < hooks->n; i++) {
		_cleanup_fd_ int state_fd = state_file(spec, state);
		int r = state_fd < 0 ? err_say(err, EIO, "cannot write the state for it")
				     : run_one(&hooks->list[i], state_fd, err);

		if (r < 0)
			return err_push(err, "%s hook %s", stage, hooks->list[i].path);
	}
	return 0;
}
