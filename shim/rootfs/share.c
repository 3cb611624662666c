/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that a pod's file server shares. */
#include "shim/rootfs/share.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <linux/mount.h>

#include "lib/fd.h"
#include "lib/paths.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* Room for mount points only. */
#define FOLDER_OPTIONS "mode=0700,size=1m,nr_inodes=20k"

static void path_in(const char *state_dir, const char *name, char *ret_path)
{
	(void)snprintf(ret_path, PATHS_MAX, "%.480s/%.24s", state_dir, name);
}

void share_view(const char *state_dir, char *ret_path)
{
	path_in(state_dir, "view", ret_path);
}

static int set_attributes(int fd, unsigned int flags, uint64_t set)
{
	struct mount_attr attr = { .attr_set = set };

	return mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

/* Nothing that the guest does to a link may lead the file server elsewhere. */
static int confine(int fd, const struct share_options *options)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	int r = 0;

	if (mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		return -errno;
	/* Linux 5.14 */
	r = set_attributes(fd, AT_RECURSIVE, MOUNT_ATTR_NOSYMFOLLOW);
	if (r < 0 && r != -EINVAL)
		return r;
	if (options->readonly_recursive)
		return set_attributes(fd, AT_RECURSIVE, MOUNT_ATTR_RDONLY);
	return options->readonly ? set_attributes(fd, 0, MOUNT_ATTR_RDONLY) : 0;
}

int share_take(const char *path, const struct share_options *options, struct share_tree *ret_tree,
	       struct err *err)
{
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, path,
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
						(options->recursive ? AT_RECURSIVE : 0));
	struct statvfs fs;
	struct stat st;
	int r;

	if (fd < 0)
		return err_set(err, errno, "cannot take hold of %s", path);
	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return err_set(err, errno, "cannot look at %s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is neither a directory nor a regular file", path);
	r = confine(fd, options);
	if (r < 0)
		return err_set(err, -r, "cannot set the attributes of a mount of %s", path);
	r = options->map ? userns_map_mount(fd, options->map, options->recursive_map, err) : 0;
	if (r < 0)
		return err_push(err, "%s", path);
	*ret_tree = (struct share_tree){
		.fd = TAKE_FD(fd),
		.directory = S_ISDIR(st.st_mode),
		.id = { .dev = st.st_dev,
			.ino = st.st_ino,
			.readonly = options->readonly || (fs.f_flag & ST_RDONLY),
			.recursive = options->recursive },
	};
	return 0;
}

int share_leave_host(struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return err_set(err, errno, "cannot make a mount namespace");
	/* What is unmounted on the host must not live on here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_set(err, errno, "cannot set the propagation of mounts");
	return 0;
}

static int make_view(const char *tree, const char *view, struct err *err)
{
	if (mkdir(tree, 0700) < 0 || mkdir(view, 0700) < 0)
		return err_set(err, errno, "cannot make the shared folder");
	if (mount(tree, tree, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, tree, NULL, MS_SHARED, NULL) < 0 ||
	    mount(tree, view, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, view, NULL,
		  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(err, errno, "cannot mount the shared folder");
	return 0;
}

int share_make(const char *state_dir, struct err *err)
{
	char tree[PATHS_MAX], view[PATHS_MAX];
	int r = share_leave_host(err);

	if (r < 0)
		return r;
	if (mount("kata-like", state_dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  FOLDER_OPTIONS) < 0)
		return err_set(err, errno, "cannot mount a tmpfs on %s", state_dir);
	path_in(state_dir, "tree", tree);
	path_in(state_dir, "view", view);
	return make_view(tree, view, err);
}

static void number_path(const char *state_dir, uint32_t number, char *ret_path)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "tree/%u", number);
	path_in(state_dir, name, ret_path);
}

static int make_point(const char *path, bool directory)
{
	int fd;

	if (directory)
		return mkdir(path, 0700) < 0 ? -errno : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int share_attach(const char *state_dir, const struct share_tree *tree, uint32_t number,
		 struct err *err)
{
	char path[PATHS_MAX];
	int r;

	number_path(state_dir, number, path);
	r = make_point(path, tree->directory);
	if (r < 0)
		return err_set(err, -r, "cannot make a place in the shared folder");
	if (move_mount(tree->fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(err, errno, "cannot mount in the shared folder");
	return 0;
}

int share_detach(const char *state_dir, uint32_t number, struct err *err)
{
	char path[PATHS_MAX];

	number_path(state_dir, number, path);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return err_set(err, errno, "cannot unmount %u in the shared folder", number);
	if (unlink(path) < 0 && errno == EISDIR && rmdir(path) < 0)
		return err_set(err, errno, "cannot remove %u in the shared folder", number);
	return 0;
}
