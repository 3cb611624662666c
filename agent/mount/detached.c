/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts that stand nowhere yet. */
#include "agent/mount/detached.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include <linux/mount.h>

/* What the kernel wrote about the file system, or "". Lines begin with a letter for their kind. */
static void read_complaint(int fs_fd, char *text, size_t size)
{
	ssize_t n;

	text[0] = '\0';
	n = read(fs_fd, text, size - 1);
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strlen(text) > 2 && text[1] == ' ')
		memmove(text, text + 2, strlen(text + 2) + 1);
}

static int complain(int fs_fd, int errnum, const char *what, const char *name, struct err *err)
{
	char complaint[256];

	read_complaint(fs_fd, complaint, sizeof(complaint));
	err_set(err, errnum, "%s%s", what, name);
	return complaint[0] ? err_hint(err, "the kernel says: %s", complaint) : -errnum;
}

static int configure_option(int fs_fd, const char *option, struct err *err)
{
	const char *equals = strchr(option, '=');
	char key[64];
	int r;

	if (!equals) {
		r = fsconfig(fs_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
	} else if ((size_t)(equals - option) >= sizeof(key)) {
		errno = EINVAL;
		r = -1;
	} else {
		(void)snprintf(key, sizeof(key), "%.*s", (int)(equals - option), option);
		r = fsconfig(fs_fd, FSCONFIG_SET_STRING, key, equals + 1, 0);
	}
	return r < 0 ? complain(fs_fd, errno, "bad mount option ", option, err) : 0;
}

static int configure(int fs_fd, const char *source, const struct mount_options *options,
		     bool read_only_super, struct err *err)
{
	int r = 0;

	if (source && fsconfig(fs_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return complain(fs_fd, errno, "cannot use source ", source, err);
	if (read_only_super && fsconfig(fs_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
		return complain(fs_fd, errno, "cannot mount read-only", "", err);
	for (size_t i = 0; r == 0 && i < options->n_data; i++)
		r = configure_option(fs_fd, options->data[i], err);
	if (r == 0 && fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		r = complain(fs_fd, errno, "cannot set up the file system", "", err);
	return r;
}

int detached_mount(const char *type, const char *source, const struct mount_options *options,
		   bool read_only_super, struct err *err)
{
	_cleanup_fd_ int fs_fd = fsopen(type, FSOPEN_CLOEXEC);
	uint64_t attr = options->attr_set | options->recursive_set;
	int mount_fd, r;

	if (fs_fd < 0 && errno == ENODEV)
		return err_say(err, ENODEV, "the kernel has no file system \"%s\"", type);
	if (fs_fd < 0)
		return err_set(err, errno, "cannot use file system \"%s\"", type);
	r = configure(fs_fd, source, options, read_only_super, err);
	if (r < 0)
		return r;
	mount_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, (unsigned int)attr);
	if (mount_fd < 0)
		return complain(fs_fd, errno, "cannot mount it", "", err);
	return mount_fd;
}

int detached_clone(const char *path, bool recursive, struct err *err)
{
	int fd = open_tree(AT_FDCWD, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

	return fd < 0 ? err_set(err, errno, "cannot bind %s", path) : fd;
}

int detached_clone_fd(int fd, bool recursive)
{
	int clone = open_tree(fd, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				      (recursive ? AT_RECURSIVE : 0));

	return clone < 0 ? -errno : clone;
}

static int set_attr(int mount_fd, bool recursive, uint64_t set, uint64_t clear)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clear };

	if (set == 0 && clear == 0)
		return 0;
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int detached_set_attr(int mount_fd, const struct mount_options *options, struct err *err)
{
	int r = set_attr(mount_fd, true, options->recursive_set, options->recursive_clear);

	if (r == 0)
		r = set_attr(mount_fd, false, options->attr_set, options->attr_clear);
	return r < 0 ? err_set(err, -r, "cannot set the mount's attributes") : 0;
}

int detached_set_read_only(int mount_fd, bool recursive)
{
	return set_attr(mount_fd, recursive, MOUNT_ATTR_RDONLY, 0);
}

int detached_set_propagation(int mount_fd, uint64_t propagation, bool recursive)
{
	struct mount_attr attr = { .propagation = propagation };

	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			  sizeof(attr)) < 0)
		return -errno;
	return 0;
}

int detached_attach(int mount_fd, int target_fd)
{
	if (move_mount(mount_fd, "", target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}
