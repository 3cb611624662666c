/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of config.json. */
#include "agent/mount/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <linux/mount.h>

#include "agent/mount/copyup.h"
#include "agent/mount/detached.h"
#include "agent/mount/resolve.h"
#include "oci/idmap.h"

static bool is_type(const struct oci_mount *mount, const char *type)
{
	return mount->type && strcmp(mount->type, type) == 0;
}

static bool is_cgroup(const struct oci_mount *mount)
{
	return is_type(mount, "cgroup") || is_type(mount, "cgroup2");
}

static bool is_bind(const struct oci_mount *mount, const struct mount_options *options)
{
	return options->bind || is_type(mount, "bind");
}

static const struct disk_mount *find_disk(const struct oci_mount *mount,
					  const struct disk_mount *disks, size_t n_disks)
{
	for (size_t i = 0; i < n_disks; i++) {
		if (strcmp(disks[i].destination, mount->destination) == 0)
			return &disks[i];
	}
	return NULL;
}

/*
 * The subpath of a disk, cut out of it: links in the disk stay inside the disk. Only what is
 * attached somewhere can be copied, so it gets a place that goes with the caller's mount namespace.
 */
static int disk_subtree(int disk_fd, const char *subpath, const char *work_dir, size_t i,
			struct err *err)
{
	_cleanup_fd_ int place_fd = -1, fd = -1;
	char place[256];
	int clone, r;

	(void)snprintf(place, sizeof(place), "%.200s/disk-%zu", work_dir, i);
	if (mkdir(place, 0700) < 0)
		return err_set(err, errno, "cannot create %s", place);
	place_fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = place_fd < 0 ? -errno : detached_attach(disk_fd, place_fd);
	if (r < 0)
		return err_set(err, -r, "cannot mount the disk");
	fd = resolve_open(disk_fd, subpath, 0);
	if (fd < 0)
		return err_set(err, -fd, "cannot open %s in the disk", subpath);
	clone = detached_clone_fd(fd, false);
	return clone < 0 ? err_set(err, -clone, "cannot bind %s of the disk", subpath) : clone;
}

static int prepare_disk(const struct disk_mount *disk, const char *work_dir, size_t i,
			struct err *err)
{
	int fd = disk_mount(&disk->disk, err);
	int subtree;

	if (fd < 0 || !disk->subpath || !*disk->subpath)
		return fd;
	subtree = disk_subtree(fd, disk->subpath, work_dir, i, err);
	close(fd);
	return subtree;
}

static int clone_source(const struct mount_env *env, const struct oci_mount *mount,
			const struct mount_options *options, struct err *err)
{
	if (!mount->source || !*mount->source)
		return err_say(err, EINVAL, "a bind mount needs a source");
	/* The pod's shared memory lives in the VM: the host's directory for it means ours. */
	if (env && env->shares_shm && strcmp(mount->destination, "/dev/shm") == 0 &&
	    access(mount->source, F_OK) < 0)
		return detached_clone("/dev/shm", false, err);
	return detached_clone(mount->source, options->recursive_bind, err);
}

/* Attributes and id mapping of what was made beforehand; it is closed where that fails. */
static int finish_prepared(const struct oci_spec *spec, const struct oci_mount *mount,
			   const struct mount_options *options, int fd, int *ret_fd,
			   struct err *err)
{
	struct userns_map map;
	bool recursive;
	int r = oci_mount_map(spec, mount, &map, &recursive, err);

	if (r == 0)
		r = detached_set_attr(fd, options, err);
	if (r == 0 && map.uids)
		r = userns_map_mount(fd, &map, recursive, err);
	userns_map_fini(&map);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

int mount_prepare(const struct oci_spec *spec, const struct disk_mount *disks, size_t n_disks,
		  const char *work_dir, int *ret_fds, struct err *err)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct oci_mount *mount = &spec->mounts[i];
		const struct disk_mount *disk = find_disk(mount, disks, n_disks);
		struct mount_options options;
		int fd = -1;
		int r = mount_options_parse(&mount->options, &options, err);

		if (r == 0 && disk)
			fd = r = prepare_disk(disk, work_dir, i, err);
		else if (r == 0 && is_bind(mount, &options) && oci_mount_is_mapped(mount))
			fd = r = clone_source(NULL, mount, &options, err);
		if (r >= 0 && fd >= 0)
			r = finish_prepared(spec, mount, &options, fd, &ret_fds[i], err);
		mount_options_fini(&options);
		if (r < 0)
			return err_push(err, "cannot mount %s", mount->destination);
	}
	return 0;
}

/* Without a cgroup namespace the tree's root is the VM's, of which only the own part is shown. */
static int mount_cgroup(const struct mount_env *env, const struct mount_options *options,
			struct err *err)
{
	int fd, r;

	if (env->own_cgroup_namespace) {
		const struct mount_options attributes = { .attr_set = options->attr_set };

		return detached_mount("cgroup2", "cgroup", &attributes, false, err);
	}
	fd = detached_clone(env->cgroup_directory, false, err);
	if (fd < 0)
		return fd;
	r = detached_set_attr(fd, options, err);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int mount_file_system(const struct oci_mount *mount, const struct mount_options *options,
			     struct err *err)
{
	struct stat st;
	bool on_disk = mount->source && stat(mount->source, &st) == 0 && S_ISBLK(st.st_mode);
	int fd;

	if (!mount->type || !*mount->type)
		return err_say(err, EINVAL, "it has neither a type nor the option bind");
	if (options->remount)
		return err_say(err, EINVAL, "there is nothing to remount");
	fd = detached_mount(mount->type, mount->source, options,
			    on_disk && options->attr_set & MOUNT_ATTR_RDONLY, err);
	/* A user namespace without a network namespace of its own may not mount sysfs, but see it.
	 */
	if (fd == -EPERM && is_type(mount, "sysfs")) {
		fd = detached_clone("/sys", true, err);
		if (fd >= 0 && detached_set_attr(fd, options, err) < 0)
			close(TAKE_FD(fd));
	}
	return fd;
}

static int make_detached(const struct mount_env *env, const struct oci_mount *mount,
			 const struct mount_options *options, struct err *err)
{
	int fd, r;

	if (is_cgroup(mount))
		return mount_cgroup(env, options, err);
	if (!is_bind(mount, options))
		return mount_file_system(mount, options, err);
	fd = clone_source(env, mount, options, err);
	if (fd < 0)
		return fd;
	r = detached_set_attr(fd, options, err);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int copy_covered(const struct mount_env *env, const struct oci_mount *mount, int mount_fd,
			struct err *err)
{
	_cleanup_fd_ int covered_fd = resolve_open(env->root_fd, mount->destination, O_DIRECTORY);

	if (covered_fd == -ENOENT)
		return 0;
	if (covered_fd < 0)
		return err_set(err, -covered_fd, "cannot open what it covers");
	return copyup(covered_fd, mount_fd, err);
}

static int put_in_place(const struct mount_env *env, const struct oci_mount *mount,
			const struct mount_options *options, int mount_fd, struct err *err)
{
	_cleanup_fd_ int target_fd = -1;
	struct stat st, root;
	int r;

	if (fstat(mount_fd, &st) < 0)
		return err_set(err, errno, "cannot look at the source");
	target_fd = resolve_create(env->root_fd, mount->destination, S_ISDIR(st.st_mode));
	if (target_fd < 0)
		return err_set(err, -target_fd, "cannot create the mount point");
	/* Others look for these by their name, and would find what the image put there. */
	if ((is_type(mount, "proc") || is_type(mount, "sysfs")) &&
	    !resolve_is_plain(env->root_fd, mount->destination))
		return err_say(err, EPERM, "the mount point is reached through a link");
	/* On the root itself it would cover the container, whatever path led there. */
	if (fstat(env->root_fd, &root) < 0 || fstat(target_fd, &st) < 0)
		return err_set(err, errno, "cannot look at the mount point");
	if (st.st_dev == root.st_dev && st.st_ino == root.st_ino)
		return err_say(err, EINVAL, "the mount point is the container's root");
	r = detached_attach(mount_fd, target_fd);
	if (r < 0)
		return err_set(err, -r, "cannot put it in its place");
	if (options->propagation) {
		r = detached_set_propagation(mount_fd, options->propagation,
					     options->recursive_propagation);
		if (r < 0)
			return err_set(err, -r, "cannot set its propagation");
	}
	return 0;
}

int mount_make(const struct mount_env *env, const struct oci_spec *spec, size_t i, struct err *err)
{
	const struct oci_mount *mount = &spec->mounts[i];
	struct mount_options options;
	_cleanup_fd_ int mount_fd = -1;
	int r = mount_options_parse(&mount->options, &options, err);
	bool read_only_later = r == 0 && options.copy_up && options.attr_set & MOUNT_ATTR_RDONLY;

	if (read_only_later)
		options.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	if (r == 0) {
		mount_fd = env->prepared[i] >= 0 ? fcntl(env->prepared[i], F_DUPFD_CLOEXEC, 3)
						 : make_detached(env, mount, &options, err);
		r = MIN(mount_fd, 0);
	}
	if (r == 0 && options.copy_up)
		r = copy_covered(env, mount, mount_fd, err);
	if (r == 0 && read_only_later && detached_set_read_only(mount_fd, false) < 0)
		r = err_set(err, errno, "cannot make it read-only");
	if (r == 0)
		r = put_in_place(env, mount, &options, mount_fd, err);
	mount_options_fini(&options);
	return r < 0 ? err_push(err, "cannot mount %s on %s",
				mount->source && *mount->source ? mount->source
				: mount->type			? mount->type
								: "nothing",
				mount->destination)
		     : 0;
}
