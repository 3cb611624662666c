/* SPDX-License-Identifier: Apache-2.0 */
/* User namespaces as mappings of ids. */
#include "lib/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/mount.h>
#include <linux/sched.h>

#include "lib/fd.h"

static int write_one(pid_t pid, const char *kind, const char *text)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s_map", pid, kind);
	return file_poke(AT_FDCWD, path, text);
}

int userns_write(pid_t pid, const struct userns_map *map)
{
	int r = write_one(pid, "uid", map->uids);

	return r < 0 ? r : write_one(pid, "gid", map->gids);
}

int userns_map_ourselves(uid_t user, gid_t group)
{
	char line[64];
	int r = file_poke(AT_FDCWD, "/proc/self/setgroups", "deny");

	(void)snprintf(line, sizeof(line), "%u %u 1\n", user, user);
	if (r == 0)
		r = file_poke(AT_FDCWD, "/proc/self/uid_map", line);
	(void)snprintf(line, sizeof(line), "%u %u 1\n", group, group);
	return r == 0 ? file_poke(AT_FDCWD, "/proc/self/gid_map", line) : r;
}

/*
 * The process's number in the pid namespace whose /proc this is: the caller may have been born in
 * another one already, where clone(2) counts anew.
 */
static pid_t number_in_proc(int pidfd)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return -1;
	line = strstr(text, "\nPid:\t");
	return line ? atoi(line + strlen("\nPid:\t")) : -1;
}

static int map_and_open(pid_t pid, const struct userns_map *map)
{
	char path[64];
	int fd, r;

	if (pid <= 0)
		return -ESRCH;
	r = userns_write(pid, map);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A user namespace lives as long as somebody holds it, so its first process may be short-lived. */
static int make_namespace(const struct userns_map *map)
{
	_cleanup_fd_ int pidfd = -1;
	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_PIDFD,
				   .pidfd = (uint64_t)&pidfd,
				   .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	r = map_and_open(number_in_proc(pidfd), map);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int userns_map_mount(int mount_fd, const struct userns_map *map, bool recursive, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	_cleanup_fd_ int namespace_fd = make_namespace(map);

	if (namespace_fd < 0)
		return err_set(err, -namespace_fd, "cannot make the id mapping");
	attr.userns_fd = (uint64_t)namespace_fd;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return err_set(err, errno, "cannot map the owners of the mount%s",
			       errno == EINVAL ? " (can its file system?)" : "");
	return 0;
}

void userns_map_fini(struct userns_map *map)
{
	free(map->uids);
	free(map->gids);
	*map = (struct userns_map){ NULL, NULL };
}
