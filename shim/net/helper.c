/* SPDX-License-Identifier: Apache-2.0 */
/* A program that makes a network, as a child process. */
#include "shim/net/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "shim/job.h"

#define COMPLAINT_MAX 512

struct helper {
	char *name;
	pid_t pid;	  /* 0 once it has ended */
	int complaint_fd; /* its standard error, in memory */
	struct loop_source *child;
};

_noreturn_ static void child_main(pid_t parent, char *const argv[], const char *dir, int fd,
				  int err_fd)
{
	if (job_child_reset(parent) < 0 || job_child_streams(-1, -1, err_fd) < 0 ||
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 ||
	    (fd >= 0 && fcntl(fd, F_SETFD, 0) < 0) || (dir && chdir(dir) < 0))
		_exit(126);
	execv(argv[0], argv);
	dprintf(STDERR_FILENO, "cannot execute it: %s", strerror(errno));
	_exit(127);
}

/* The last line that it wrote, which says why it ended. */
static void read_complaint(const struct helper *helper, char ret_text[COMPLAINT_MAX])
{
	off_t end = lseek(helper->complaint_fd, 0, SEEK_END);
	off_t start = end < COMPLAINT_MAX ? 0 : end - (COMPLAINT_MAX - 1);
	ssize_t n = fd_pread_full(helper->complaint_fd, ret_text, COMPLAINT_MAX - 1, start);
	char *last;

	ret_text[n > 0 ? n : 0] = '\0';
	while (n > 0 && strchr("\r\n ", ret_text[n - 1]))
		ret_text[--n] = '\0';
	last = strrchr(ret_text, '\n');
	if (last)
		memmove(ret_text, last + 1, strlen(last));
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct helper *helper = ctx;

	(void)pid;
	helper->child = NULL;
	helper->pid = 0;
	/* Asked to by a VM that has gone, it ends with 0. */
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
		log_error("%s has ended, and with it the VM's network (wait status %#x)",
			  helper->name, (unsigned int)wait_status);
}

int helper_check(const struct helper *helper, struct err *err)
{
	siginfo_t info = { .si_pid = 0 };
	char text[COMPLAINT_MAX];

	/* The loop may not have had its turn yet. */
	if (helper->pid > 0 &&
	    (waitid(P_PID, (id_t)helper->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	     info.si_pid == 0))
		return 0;
	read_complaint(helper, text);
	return err_say(err, EIO, "%s, the network of a VM without privileges, has ended: %s",
		       helper->name, text);
}

void helper_free(struct helper *helper)
{
	if (!helper)
		return;
	loop_source_free(helper->child);
	if (helper->pid > 0) {
		(void)kill(helper->pid, SIGKILL);
		(void)waitpid(helper->pid, NULL, 0);
	}
	cleanup_fd(&helper->complaint_fd);
	free(helper->name);
	free(helper);
}

static int spawn(struct loop *loop, struct helper *helper, char *const argv[], const char *dir,
		 int fd, struct err *err)
{
	pid_t parent = getpid();
	int r;

	helper->name = strdup(argv[0]);
	helper->complaint_fd = memfd_create("complaint", MFD_CLOEXEC);
	if (!helper->name || helper->complaint_fd < 0)
		return err_set(err, errno, "cannot start %s", argv[0]);
	helper->pid = fork();
	if (helper->pid == 0)
		child_main(parent, argv, dir, fd, helper->complaint_fd);
	if (helper->pid < 0) {
		helper->pid = 0;
		return err_set(err, errno, "cannot start %s", argv[0]);
	}
	r = loop_add_child(loop, helper->pid, child_ended, helper, &helper->child);
	return r < 0 ? err_set(err, -r, "cannot watch %s", argv[0]) : 0;
}

int helper_start(struct loop *loop, char *const argv[], const char *dir, int fd,
		 struct helper **ret_helper, struct err *err)
{
	struct helper *helper = calloc(1, sizeof(*helper));
	int r;

	if (!helper)
		return err_set(err, ENOMEM, "cannot start %s", argv[0]);
	helper->complaint_fd = -1;
	r = spawn(loop, helper, argv, dir, fd, err);
	if (r < 0)
		helper_free(helper);
	else
		*ret_helper = helper;
	return r;
}
