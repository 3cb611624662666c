/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that outlive the helper which started them. */
#include "shim/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/log.h"

#define CHILDREN_MAX (1u << 20)

/* Several ends may come as one signal, so every child is looked at. */
static void child_ended(void *ctx, const struct signalfd_siginfo *info)
{
	struct loop *loop = ctx;
	_cleanup_free_ char *children = NULL;
	char path[64], *end;

	(void)info;
	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	if (file_read(AT_FDCWD, path, CHILDREN_MAX, &children, NULL, NULL) < 0)
		return;
	for (char *at = children;; at = end) {
		pid_t pid = (pid_t)strtol(at, &end, 10);

		if (end == at)
			return;
		if (!loop_has_child(loop, pid) && waitpid(pid, NULL, WNOHANG) == pid)
			log_debug("reaped the orphan %d", pid);
	}
}

int orphans_adopt(struct loop *loop, struct err *err)
{
	struct loop_source *source; /* the loop's */
	int r;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_set(err, errno, "cannot adopt orphans");
	r = loop_add_signal(loop, SIGCHLD, child_ended, loop, &source);
	return r < 0 ? err_set(err, -r, "cannot adopt orphans") : 0;
}
