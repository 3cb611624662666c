/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `attend`: waits for a container's end, then removes it or keeps its record, so that a stopped
 * container holds no virtual machine. `run --detach` leaves it behind; people need not call it.
 */
#include "cli/attend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "cli/container.h"
#include "cli/signals.h"
#include "cli/verbs.h"

struct attend_options {
	bool rm;
};

static const struct option attend_table[] = {
	OPTION_FLAG(struct attend_options, rm, 0, "rm", "remove the container when it has ended"),
};

/* In the child; twice forked, so that nobody has to wait for it. */
_noreturn_ static void exec_attend(const char *namespace, const char *id, bool remove)
{
	char *args[] = { (char *)"kata-like",
			 (char *)"--namespace",
			 (char *)(uintptr_t) namespace,
			 (char *)"attend",
			 remove ? (char *)"--rm" : (char *)"--",
			 (char *)(uintptr_t)id,
			 NULL };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	signals_reset_for_exec();
	(void)setsid();
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0 || dup2(null_fd, 2) < 0 ||
	    chdir("/") < 0 || fork() != 0)
		_exit(0);
	(void)execv("/proc/self/exe", args);
	_exit(1);
}

int attend_spawn(const char *namespace, const char *id, bool remove, struct err *err)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, errno, "cannot attend container %s", id);
	if (pid == 0)
		exec_attend(namespace, id, remove);
	while (waitpid(pid, NULL, 0) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "cannot attend container %s", id);
	return 0;
}

static int run_attend(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct attend_options *options = values;
	_cleanup_container_ struct container container = CONTAINER_INIT;
	_cleanup_task_ KataLike__Task__WaitResponse *response = NULL;
	KataLike__Task__WaitRequest request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	struct record_exit exit_record = { 0 };
	struct ending ending;
	int r = container_open_live(cli, args[0], &container, err);

	(void)n_args;
	/* Its name may be another's before it has ended. */
	if (r == 0)
		r = record_hold(&container.record, err);
	if (r < 0)
		return r;
	ending = container_ending(&container);
	request.id = args[0];
	r = task_wait(container.client, &request, &response, err);
	/* Deleted by someone else, or its shim died: nothing left to attend. */
	if (r == -ENOENT || r == -ECONNRESET)
		return 0;
	if (r < 0)
		return r;
	exit_record.status = response->exit_status;
	if (response->exited_at) {
		exit_record.exited_at_s = response->exited_at->seconds;
		exit_record.exited_at_ns = (uint32_t)response->exited_at->nanos;
	}
	r = options->rm ? ending_remove(&ending, err) : ending_keep(&ending, &exit_record, err);
	return r == -ENOENT ? 0 : MIN(r, 0);
}

const struct verb verb_attend = {
	.name = "attend",
	.arguments = "ID",
	.summary = "Wait for a container's end, then keep its record or remove it",
	VERB_OPTIONS(struct attend_options, attend_table),
	.min_args = 1,
	.max_args = 1,
	.hidden = true,
	.run = run_attend,
};
