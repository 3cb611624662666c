/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes and links of a container's /dev. */
#include "agent/mount/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/mount/detached.h"
#include "agent/mount/resolve.h"

#define DEVICE_MODE 0666

static const struct oci_device defaults[] = {
	{ .path = "/dev/null", .type = 'c', .major = 1, .minor = 3 },
	{ .path = "/dev/zero", .type = 'c', .major = 1, .minor = 5 },
	{ .path = "/dev/full", .type = 'c', .major = 1, .minor = 7 },
	{ .path = "/dev/random", .type = 'c', .major = 1, .minor = 8 },
	{ .path = "/dev/urandom", .type = 'c', .major = 1, .minor = 9 },
	{ .path = "/dev/tty", .type = 'c', .major = 5, .minor = 0 },
};

static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },	      { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/ptmx", "pts/ptmx" },
};

static mode_t device_mode(const struct oci_device *device)
{
	mode_t mode = device->mode.set ? (mode_t)device->mode.value & 07777 : DEVICE_MODE;

	switch (device->type) {
	case 'b':
		return mode | S_IFBLK;
	case 'p':
		return mode | S_IFIFO;
	default:
		return mode | S_IFCHR;
	}
}

static bool is_that_device(int dir_fd, const char *name, const struct oci_device *device)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if ((st.st_mode & S_IFMT) != (device_mode(device) & S_IFMT))
		return false;
	return device->type == 'p' ||
	       st.st_rdev == makedev((unsigned int)device->major, (unsigned int)device->minor);
}

static int make_node(int dir_fd, const char *name, const struct oci_device *device)
{
	dev_t number = makedev((unsigned int)device->major, (unsigned int)device->minor);
	mode_t mode = device_mode(device);

	if (mknodat(dir_fd, name, mode, number) < 0) {
		/* One that the image brought along must be the right one. */
		if (errno != EEXIST || !is_that_device(dir_fd, name, device))
			return -errno;
	}
	if (fchmodat(dir_fd, name, mode & 07777, 0) < 0 ||
	    fchownat(dir_fd, name, (uid_t)device->uid.value, (gid_t)device->gid.value,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* What a device is bound on: an empty file, or what the image has there, if that is no link. */
static int open_place(int dir_fd, const char *name)
{
	struct stat st;
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 && errno != EEXIST)
		return -errno;
	if (fd >= 0)
		close(fd);
	fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode) || S_ISDIR(st.st_mode)) {
		close(fd);
		return -EEXIST;
	}
	return fd;
}

static int bind_node(int dir_fd, const char *name, const struct oci_device *device, struct err *err)
{
	_cleanup_fd_ int clone_fd = -1, place_fd = -1;

	if (device->type == 'p')
		return make_node(dir_fd, name, device);
	clone_fd = detached_clone(device->path, false, err);
	if (clone_fd < 0)
		return clone_fd;
	place_fd = open_place(dir_fd, name);
	return place_fd < 0 ? place_fd : detached_attach(clone_fd, place_fd);
}

static int make_device(int root_fd, const struct oci_device *device, bool bind_nodes,
		       struct err *err)
{
	_cleanup_fd_ int dir_fd = -1;
	const char *name;
	int r = resolve_parent(root_fd, device->path, &dir_fd, &name);

	if (r == 0)
		r = bind_nodes ? bind_node(dir_fd, name, device, err)
			       : make_node(dir_fd, name, device);
	if (r < 0)
		return err_set(err, -r, "cannot make device %s", device->path);
	return 0;
}

static int make_link(int root_fd, const char *path, const char *target)
{
	_cleanup_fd_ int dir_fd = -1;
	const char *name;
	int r = resolve_parent(root_fd, path, &dir_fd, &name);

	if (r < 0)
		return r;
	if (symlinkat(target, dir_fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	/* The image's own node of that name would be the VM's terminal multiplexer. */
	if (strcmp(name, "ptmx") != 0)
		return 0;
	if (unlinkat(dir_fd, name, 0) < 0 || symlinkat(target, dir_fd, name) < 0)
		return -errno;
	return 0;
}

static int make_links(int root_fd, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		int r = make_link(root_fd, links[i].path, links[i].target);

		if (r < 0)
			return err_set(err, -r, "cannot make link %s", links[i].path);
	}
	if (access("/proc/kcore", F_OK) == 0) {
		int r = make_link(root_fd, "/dev/core", "/proc/kcore");

		if (r < 0)
			return err_set(err, -r, "cannot make link /dev/core");
	}
	return 0;
}

static bool dev_is_bound(const struct oci_spec *spec)
{
	bool bound = false;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		if (strcmp(spec->mounts[i].destination, "/dev") == 0 ||
		    strcmp(spec->mounts[i].destination, "/dev/") == 0)
			bound = spec->mounts[i].type && strcmp(spec->mounts[i].type, "bind") == 0;
	}
	return bound;
}

int devices_make(int root_fd, const struct oci_spec *spec, bool bind_nodes, struct err *err)
{
	mode_t old_mask;
	int r = 0;

	if (dev_is_bound(spec))
		return 0;
	old_mask = umask(0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(defaults); i++)
		r = make_device(root_fd, &defaults[i], bind_nodes, err);
	for (size_t i = 0; r == 0 && i < spec->linux_.n_devices; i++)
		r = make_device(root_fd, &spec->linux_.devices[i], bind_nodes, err);
	umask(old_mask);
	return r < 0 ? r : make_links(root_fd, err);
}

int devices_make_console(int root_fd, int slave_fd, struct err *err)
{
	_cleanup_fd_ int clone_fd = detached_clone_fd(slave_fd, false);
	_cleanup_fd_ int target_fd = -1;
	int r;

	if (clone_fd < 0)
		return err_set(err, -clone_fd, "cannot bind the terminal");
	target_fd = resolve_create(root_fd, "/dev/console", false);
	if (target_fd < 0)
		return err_set(err, -target_fd, "cannot create /dev/console");
	r = detached_attach(clone_fd, target_fd);
	return r < 0 ? err_set(err, -r, "cannot put the terminal on /dev/console") : 0;
}
