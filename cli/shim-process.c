/* SPDX-License-Identifier: Apache-2.0 */
/* The shim as a program. */
#include "cli/shim-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cli/signals.h"
#include "lib/fd.h"

#define SHIM_PROGRAM	"containerd-shim-kata-like-v2"
#define SHIM_TIMEOUT_MS 120000
#define OUTPUT_MAX	ERR_TEXT_MAX

struct child {
	bool ended;
	int wait_status;
};

static void on_child(void *ctx, pid_t pid, int wait_status)
{
	struct child *child = ctx;

	(void)pid;
	child->ended = true;
	child->wait_status = wait_status;
}

/* In the child. The session of its own keeps the terminal's Ctrl-C away from shim and VMM. */
_noreturn_ static void exec_shim(const char *program, char *const *args, const char *bundle,
				 int out_fd, int err_fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	signals_reset_for_exec();
	(void)setsid();
	if (null_fd >= 0 && dup2(null_fd, STDIN_FILENO) >= 0 && dup2(out_fd, STDOUT_FILENO) >= 0 &&
	    dup2(err_fd, STDERR_FILENO) >= 0 && chdir(bundle) == 0)
		(void)execv(program, args);
	(void)dprintf(err_fd, "cannot run %s in %s: %s\n", program, bundle, strerror(errno));
	_exit(127);
}

/* What the child wrote, without the newline at its end. */
static void read_back(int fd, char *ret_text)
{
	ssize_t n = fd_pread_full(fd, ret_text, OUTPUT_MAX - 1, 0);

	ret_text[n > 0 ? n : 0] = '\0';
	while (n > 0 && strchr("\r\n ", ret_text[n - 1]))
		ret_text[--n] = '\0';
}

static int wait_for_child(struct loop *loop, pid_t pid, int *ret_wait_status, struct err *err)
{
	struct child child = { 0 };
	struct loop_source *source = NULL;
	int64_t deadline = clock_monotonic_ms() + SHIM_TIMEOUT_MS;
	int r = loop_add_child(loop, pid, on_child, &child, &source);

	while (r == 0 && !child.ended) {
		int64_t left = deadline - clock_monotonic_ms();

		r = left > 0 ? loop_step(loop, (int)left) : -ETIMEDOUT;
	}
	*ret_wait_status = child.wait_status;
	if (child.ended)
		return 0;
	loop_source_free(source);
	(void)kill(-pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return err_set(err, -r, SHIM_PROGRAM " did not come back");
}

/*
 * Runs it to its end; its stdout is handed back (OUTPUT_MAX bytes). Files rather than pipes take
 * the output: they cannot fill up, and a daemon that forgot to close them cannot make us wait.
 */
static int run_shim(struct loop *loop, char **args, const char *bundle, char *ret_output,
		    struct err *err)
{
	_cleanup_fd_ int out_fd = memfd_create("shim-stdout", MFD_CLOEXEC);
	_cleanup_fd_ int err_fd = memfd_create("shim-stderr", MFD_CLOEXEC);
	char program[PATHS_MAX], complaint[OUTPUT_MAX];
	int wait_status = 0, r = paths_program(SHIM_PROGRAM, program, err);
	pid_t pid;

	if (r < 0)
		return r;
	if (out_fd < 0 || err_fd < 0)
		return err_set(err, errno, "cannot run %s", program);
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "cannot run %s", program);
	if (pid == 0)
		exec_shim(program, args, bundle, out_fd, err_fd);
	r = wait_for_child(loop, pid, &wait_status, err);
	if (r < 0)
		return r;
	read_back(out_fd, ret_output);
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		return 0;
	read_back(err_fd, complaint);
	if (complaint[0])
		return err_say(err, EIO, "%s", complaint);
	if (WIFSIGNALED(wait_status))
		return err_say(err, EIO, "%s was ended by signal %d", program,
			       WTERMSIG(wait_status));
	return err_say(err, EIO, "%s ended with status %d and no message", program,
		       WEXITSTATUS(wait_status));
}

int shim_process_start(const struct cli *cli, struct loop *loop, const struct record *record,
		       char *ret_address, struct err *err)
{
	char bundle[PATHS_MAX], output[OUTPUT_MAX];
	char *args[] = { (char *)SHIM_PROGRAM,
			 (char *)"-namespace",
			 (char *)(uintptr_t)record->namespace,
			 (char *)"-address",
			 (char *)"",
			 (char *)"-id",
			 (char *)(uintptr_t)record->id,
			 cli->debug ? (char *)"-debug" : (char *)"start",
			 cli->debug ? (char *)"start" : NULL,
			 NULL };
	int r = record_path(record, "bundle", bundle, err);

	if (r == 0)
		r = run_shim(loop, args, bundle, output, err);
	if (r < 0)
		return r;
	if (strncmp(output, "unix://", 7) != 0 || strlen(output) >= PATHS_MAX)
		return err_say(err, EPROTO,
			       SHIM_PROGRAM " printed \"%.100s\" instead of an address", output);
	(void)snprintf(ret_address, PATHS_MAX, "%.*s", PATHS_MAX - 1, output);
	return 0;
}

int shim_process_delete(const struct cli *cli, struct loop *loop, const struct record *record,
			const char *bundle, struct err *err)
{
	char output[OUTPUT_MAX];
	char *args[] = { (char *)SHIM_PROGRAM,
			 (char *)"-namespace",
			 (char *)(uintptr_t)record->namespace,
			 (char *)"-address",
			 (char *)"",
			 (char *)"-id",
			 (char *)(uintptr_t)record->id,
			 (char *)"-bundle",
			 (char *)(uintptr_t)bundle,
			 cli->debug ? (char *)"-debug" : (char *)"delete",
			 cli->debug ? (char *)"delete" : NULL,
			 NULL };

	return run_shim(loop, args, "/", output, err);
}

/* Field 22 of /proc/PID/stat: tells this process from a later one with its number. */
static bool start_time_is(pid_t pid, unsigned long long expected)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	unsigned long long start_time;
	char *after_name;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return false;
	after_name = strrchr(text, ')');
	return after_name &&
	       sscanf(after_name + 1,
		      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		      "%*d %llu",
		      &start_time) == 1 &&
	       start_time == expected;
}

int shim_process_kill(const struct record *record, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int pid_fd = -1;
	char path[PATHS_MAX];
	unsigned long long start_time;
	int pid, r = record_path(record, "shim.pid", path, err);

	if (r == 0)
		r = file_read(AT_FDCWD, path, 256, &text, NULL, err);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (sscanf(text, "%d %llu", &pid, &start_time) != 2 || pid <= 1)
		return err_say(err, EINVAL, "%s does not hold a process id", path);
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pid_fd < 0 || !start_time_is(pid, start_time))
		return err_say(err, ESRCH, "the daemon of %s is gone", record->id);
	if (syscall(SYS_pidfd_send_signal, pid_fd, SIGKILL, NULL, 0) < 0)
		return err_set(err, errno, "cannot kill the daemon of %s (pid %d)", record->id,
			       pid);
	return 0;
}
