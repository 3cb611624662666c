/* SPDX-License-Identifier: Apache-2.0 */
/* Named network namespaces. */
#include "cli/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/paths.h"

#define NETNS_DIR "/run/netns"

void netns_path(const char *namespace, const char *id, char *ret_path)
{
	(void)snprintf(ret_path, PATHS_MAX, NETNS_DIR "/kata-like-%s-%s", namespace, id);
}

/* As `ip netns` does: a mount on the folder is seen in every mount namespace. */
static int share_folder(struct err *err)
{
	int r = dir_make(NETNS_DIR, 0755, err);

	if (r < 0 || mount("", NETNS_DIR, NULL, MS_SHARED | MS_REC, NULL) == 0)
		return r;
	if (errno == EINVAL && mount(NETNS_DIR, NETNS_DIR, NULL, MS_BIND | MS_REC, NULL) == 0 &&
	    mount("", NETNS_DIR, NULL, MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	return err_set(err, errno, "cannot share %s", NETNS_DIR);
}

/* In a child, whose namespace it is until it is bound to the path. Errno, as an exit status. */
_noreturn_ static void child_main(const char *path)
{
	if (unshare(CLONE_NEWNET) < 0 || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) < 0)
		_exit(errno & 0xff);
	_exit(0);
}

int netns_make(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int wait_status = 0, r = share_folder(err);
	pid_t pid;

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return err_set(err, errno, "cannot make the network namespace %s", path);
	pid = fork();
	if (pid == 0)
		child_main(path);
	while (pid > 0 && waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		return 0;
	(void)unlink(path);
	return err_set(err, pid > 0 && WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : EIO,
		       "cannot make the network namespace %s", path);
}

int netns_remove(const char *path, struct err *err)
{
	(void)umount2(path, MNT_DETACH);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot remove the network namespace %s", path);
	return 0;
}
