/* SPDX-License-Identifier: Apache-2.0 */
/* Id-mapped mounts. */
#include "agent/mount/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/mount.h>
#include <linux/sched.h>

#include "lib/fd.h"

#define MAP_TEXT_MAX 4096

int idmap_write(pid_t pid, const char *kind, const struct oci_id_mapping *mappings, size_t n)
{
	char path[64], text[MAP_TEXT_MAX];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		int len = snprintf(text + used, sizeof(text) - used, "%u %u %u\n",
				   mappings[i].container_id, mappings[i].host_id, mappings[i].size);

		if (len < 0 || (size_t)len >= sizeof(text) - used)
			return -E2BIG;
		used += (size_t)len;
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/%s_map", pid, kind);
	return file_poke(AT_FDCWD, path, text);
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

static int map_and_open(pid_t pid, const struct oci_id_mapping *uids, size_t n_uids,
			const struct oci_id_mapping *gids, size_t n_gids)
{
	char path[64];
	int fd, r;

	if (pid <= 0)
		return -ESRCH;
	r = idmap_write(pid, "uid", uids, n_uids);
	if (r == 0)
		r = idmap_write(pid, "gid", gids, n_gids);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A user namespace lives as long as somebody holds it, so its first process may be short-lived. */
static int make_namespace(const struct oci_id_mapping *uids, size_t n_uids,
			  const struct oci_id_mapping *gids, size_t n_gids)
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
		for (;;)
			pause();
	}
	r = map_and_open(number_in_proc(pidfd), uids, n_uids, gids, n_gids);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int idmap_apply(int mount_fd, const struct oci_spec *spec, const struct oci_mount *mount,
		bool recursive, struct err *err)
{
	const struct oci_linux *linux_ = &spec->linux_;
	bool own = mount->n_uid_mappings > 0;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	_cleanup_fd_ int namespace_fd = -1;

	if (!own && linux_->n_uid_mappings == 0)
		return err_say(err, EINVAL,
			       "an id-mapped mount needs mappings, or a user namespace");
	namespace_fd = own ? make_namespace(mount->uid_mappings, mount->n_uid_mappings,
					    mount->gid_mappings, mount->n_gid_mappings)
			   : make_namespace(linux_->uid_mappings, linux_->n_uid_mappings,
					    linux_->gid_mappings, linux_->n_gid_mappings);
	if (namespace_fd < 0)
		return err_set(err, -namespace_fd, "cannot make the id mapping");
	attr.userns_fd = (uint64_t)namespace_fd;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return err_set(err, errno, "cannot map the owners of the mount");
	return 0;
}
