/* SPDX-License-Identifier: Apache-2.0 */
/* Work that blocks, done in a forked child. */
#include "shim/job.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/log.h"

#define RESULT_FD	  3
#define PROGRAM_ERROR_MAX 512
#define SBIN_PATH	  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct job {
	struct loop_source *child;
	pid_t pid;
	int result_fd;
	job_done_fn *done;
	void *ctx;
};

/* What travels back: one packet, with output's descriptors attached. */
struct job_result {
	struct err err;
	size_t record_len;
	char record[JOB_RECORD_MAX];
};

pid_t job_fork_into(int cgroup_fd, unsigned long flags)
{
	struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
	char number[16];
	pid_t pid;
	int r;

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid >= 0 || cgroup_fd < 0)
		return pid;
	/* Linux before 5.7, or a cgroup that takes none of ours. */
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid <= 0)
		return pid;
	(void)snprintf(number, sizeof(number), "%d", pid);
	r = file_poke(cgroup_fd, "cgroup.procs", number);
	if (r < 0)
		log_warn("cannot put process %d into the pod's cgroup: %s", pid, strerror(-r));
	return pid;
}

int job_child_reset(pid_t parent)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			(void)signal(number, SIG_DFL);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return -errno;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	/* It may have died before the line above. */
	return getppid() == parent ? 0 : -ESRCH;
}

int job_child_streams(int in_fd, int out_fd, int err_fd)
{
	const int given[] = { in_fd, out_fd, err_fd };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (dup2(given[i] < 0 ? null_fd : given[i], (int)i) < 0)
			return -errno;
	return 0;
}

/* The result's descriptor becomes 3, the input's, if any, JOB_INPUT_FD; all others are closed. */
static int arrange_descriptors(int result_fd, int input_fd)
{
	int first_closed = input_fd >= 0 ? JOB_INPUT_FD + 1 : JOB_INPUT_FD;

	/* Away from the low numbers first: one could be where the other is to go. */
	result_fd = fcntl(result_fd, F_DUPFD, JOB_INPUT_FD + 1);
	input_fd = input_fd < 0 ? -1 : fcntl(input_fd, F_DUPFD, JOB_INPUT_FD + 1);
	if (dup3(result_fd, RESULT_FD, O_CLOEXEC) < 0)
		return -errno;
	if (input_fd >= 0 && dup3(input_fd, JOB_INPUT_FD, O_CLOEXEC) < 0)
		return -errno;
	return close_range((unsigned int)first_closed, ~0u, 0) < 0 ? -errno : 0;
}

_noreturn_ static void child_main(pid_t parent, int result_fd, int input_fd, job_work_fn *work,
				  const void *input)
{
	struct job_output output = { .record_len = 0 };
	struct job_result result = { .record_len = 0 };

	if (job_child_reset(parent) < 0 || arrange_descriptors(result_fd, input_fd) < 0)
		_exit(1);
	if (work(input, &output, &result.err) < 0) {
		if (result.err.code == 0)
			(void)err_say(&result.err, EIO, "work failed without a reason");
		output.n_fds = 0;
	}
	result.record_len = output.record_len;
	memcpy(result.record, output.record, output.record_len);
	_exit(fd_send(RESULT_FD, &result, sizeof(result), output.fds, output.n_fds) < 0 ? 1 : 0);
}

static void job_free(struct job *job)
{
	loop_source_free(job->child);
	close(job->result_fd);
	free(job);
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct job *job = ctx;
	job_done_fn *done = job->done;
	void *done_ctx = job->ctx;
	struct job_result result;
	struct job_output output = { .n_fds = FD_PASS_MAX };
	struct err err = ERR_INIT;
	ssize_t n = fd_recv(job->result_fd, &result, sizeof(result), output.fds, &output.n_fds);

	(void)pid;
	job->child = NULL;
	job_free(job);
	if (n != (ssize_t)sizeof(result)) {
		if (WIFSIGNALED(wait_status))
			(void)err_say(&err, EIO, "the worker process was killed by signal %d",
				      WTERMSIG(wait_status));
		else
			(void)err_say(&err, EIO, "the worker process ended without an answer");
		done(done_ctx, &err, NULL);
		return;
	}
	if (result.err.code != 0) {
		done(done_ctx, &result.err, NULL);
		return;
	}
	output.record_len = result.record_len;
	memcpy(output.record, result.record, result.record_len);
	done(done_ctx, &err, &output);
}

int job_start(struct loop *loop, job_work_fn *work, const void *input, job_done_fn *done, void *ctx,
	      struct job **ret_job, struct err *err)
{
	return job_start_with(loop, work, input, -1, done, ctx, ret_job, err);
}

int job_start_with(struct loop *loop, job_work_fn *work, const void *input, int input_fd,
		   job_done_fn *done, void *ctx, struct job **ret_job, struct err *err)
{
	_cleanup_free_ struct job *job = calloc(1, sizeof(*job));
	_cleanup_fd_ int ours = -1, theirs = -1;
	pid_t parent = getpid(), pid;
	int pair[2], r;

	if (!job)
		return err_set(err, ENOMEM, "cannot start a worker process");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot start a worker process");
	ours = pair[0];
	theirs = pair[1];
	r = fd_set_nonblock(ours, 1);
	if (r < 0)
		return err_set(err, -r, "cannot start a worker process");
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "cannot start a worker process");
	if (pid == 0)
		child_main(parent, theirs, input_fd, work, input);
	r = loop_add_child(loop, pid, child_ended, job, &job->child);
	if (r < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_set(err, -r, "cannot watch a worker process");
	}
	job->pid = pid;
	job->result_fd = TAKE_FD(ours);
	job->done = done;
	job->ctx = ctx;
	*ret_job = TAKE_PTR(job);
	return 0;
}

void job_cancel(struct job *job)
{
	if (!job)
		return;
	(void)kill(job->pid, SIGKILL);
	(void)waitpid(job->pid, NULL, 0);
	job_free(job);
}

_noreturn_ static void program_main(pid_t parent, int error_fd, char *const argv[])
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *wider = NULL;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(126);
	/* mkfs programs live in sbin, which an ordinary user's PATH lacks. */
	if (asprintf(&wider, "%s%s%s", path ? path : "", path && *path ? ":" : "", SBIN_PATH) < 0 ||
	    setenv("PATH", wider, 1) < 0)
		_exit(126);
	if (job_child_streams(-1, error_fd, error_fd) < 0)
		_exit(126);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* The last PROGRAM_ERROR_MAX bytes that come through the pipe, without the newline at the end. */
static void read_tail(int fd, char *ret_tail)
{
	size_t len = 0;
	char chunk[PROGRAM_ERROR_MAX / 2];
	ssize_t n;

	while ((n = fd_read_full(fd, chunk, sizeof(chunk))) > 0) {
		size_t keep = MIN(len, PROGRAM_ERROR_MAX - 1 - (size_t)n);

		memmove(ret_tail, ret_tail + len - keep, keep);
		memcpy(ret_tail + keep, chunk, (size_t)n);
		len = keep + (size_t)n;
	}
	while (len > 0 && ret_tail[len - 1] == '\n')
		len--;
	ret_tail[len] = '\0';
}

int job_run_program(char *const argv[], const char *package, struct err *err)
{
	_cleanup_fd_ int read_fd = -1;
	char tail[PROGRAM_ERROR_MAX] = "";
	int pipe_fds[2], wait_status;
	pid_t parent = getpid(), pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot run %s", argv[0]);
	read_fd = pipe_fds[0];
	pid = fork();
	if (pid == 0)
		program_main(parent, pipe_fds[1], argv);
	close(pipe_fds[1]);
	if (pid < 0)
		return err_set(err, errno, "cannot run %s", argv[0]);
	read_tail(read_fd, tail);
	if (waitpid(pid, &wait_status, 0) < 0)
		return err_set(err, errno, "cannot wait for %s", argv[0]);
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		return 0;
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 127 && !*tail)
		return err_say(err, ENOENT, "%s is not installed: the package %s has it", argv[0],
			       package);
	return err_say(err, EIO, "%s failed: %s", argv[0], *tail ? tail : "it said no reason");
}
