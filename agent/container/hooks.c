/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run in the guest. */
#include "agent/container/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/container/state.h"
#include "lib/fd.h"

/* The state object in a file, for a hook's stdin. */
static int state_file(const struct oci_spec *spec, const char *container_id, const char *status)
{
	struct json_object *state = state_describe(spec, container_id, status);
	const char *text;
	int fd = memfd_create("state", MFD_CLOEXEC);

	text = json_object_to_json_string_ext(state, JSON_C_TO_STRING_PLAIN);
	if (fd >= 0 &&
	    (!text || fd_write_full(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		close(TAKE_FD(fd));
	json_object_put(state);
	return fd;
}

_noreturn_ static void hook_child(const struct oci_hook *hook, int state_fd)
{
	char *const only_path[] = { hook->path, NULL };
	char *const nothing[] = { NULL };

	if (dup2(state_fd, 0) >= 0)
		execve(hook->path, hook->args.n > 0 ? hook->args.list : only_path,
		       hook->env.list ? hook->env.list : nothing);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Waits for pid, at most timeout_s seconds (negative: for ever). 1 when it has ended, 0 when not.
 */
static int wait_for(pid_t pid, int64_t timeout_s)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int64_t deadline_ms = clock_monotonic_ms() + timeout_s * 1000;

	if (timeout_s < 0 || pidfd < 0)
		return 1;
	for (;;) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		int n = poll(&poll_fd, 1, (int)MAX(left_ms, (int64_t)0));

		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

static int run_one(const struct oci_hook *hook, int state_fd, struct err *err)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, errno, "cannot start it");
	if (pid == 0)
		hook_child(hook, state_fd);
	if (!wait_for(pid, hook->timeout.set ? hook->timeout.value : -1)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		return err_say(err, ETIMEDOUT, "it took longer than %lld seconds",
			       (long long)hook->timeout.value);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_set(err, errno, "cannot wait for it");
	}
	if (WIFSIGNALED(status))
		return err_say(err, EIO, "it was ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_say(err, EIO, "it ended with status %d", WEXITSTATUS(status));
	return 0;
}

int hooks_run(const struct oci_hook_list *hooks, const char *kind, const struct oci_spec *spec,
	      const char *container_id, const char *status, struct err *err)
{
	for (size_t i = 0; i < hooks->n; i++) {
		_cleanup_fd_ int state_fd = state_file(spec, container_id, status);
		int r = state_fd < 0 ? err_say(err, EIO, "cannot write the state for it")
				     : run_one(&hooks->list[i], state_fd, err);

		if (r < 0)
			return err_push(err, "%s hook %s", kind, hooks->list[i].path);
	}
	return 0;
}
