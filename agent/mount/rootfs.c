/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root. */
#include "agent/mount/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <linux/mount.h>

#include "agent/mount/detached.h"
#include "agent/mount/resolve.h"

/* Opens a directory of the work directory, making it. */
static int work_subdir(int work_fd, const char *name)
{
	int fd;

	if (mkdirat(work_fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(work_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int attach_below(int work_fd, const char *name, int mount_fd, struct err *err)
{
	_cleanup_fd_ int target_fd = work_subdir(work_fd, name);
	int r = target_fd < 0 ? target_fd : detached_attach(mount_fd, target_fd);

	return r < 0 ? err_set(err, -r, "cannot mount on the work directory's %s", name) : 0;
}

/* The tmpfs that everything below stands in. The descriptor of its root, or -errno. */
static int mount_work(const struct rootfs *rootfs, const char *work_dir, struct err *err)
{
	char size[32] = "size=50%";
	const char *data[] = { size, "mode=0755" };
	struct mount_options options = { .attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
					 .data = data,
					 .n_data = ARRAY_SIZE(data) };
	_cleanup_fd_ int target_fd = open(work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int mount_fd, r;

	if (target_fd < 0)
		return err_set(err, errno, "cannot open %s", work_dir);
	if (rootfs->overlay_size_bytes)
		(void)snprintf(size, sizeof(size), "size=%" PRIu64, rootfs->overlay_size_bytes);
	mount_fd = detached_mount("tmpfs", "kata-like", &options, false, err);
	if (mount_fd < 0)
		return err_push(err, "cannot mount the tmpfs for what the container writes");
	r = detached_attach(mount_fd, target_fd);
	if (r < 0) {
		close(mount_fd);
		return err_set(err, -r, "cannot mount on %s", work_dir);
	}
	return mount_fd;
}

static int mount_overlay(int work_fd, const struct rootfs *rootfs, const char *work_dir,
			 struct err *err)
{
	char lower[128], upper[128], work[128];
	const char *data[] = { lower, upper, work };
	const struct mount_options options = { .data = data, .n_data = ARRAY_SIZE(data) };
	_cleanup_fd_ int disk_fd = disk_mount(&rootfs->disk, err);
	_cleanup_fd_ int upper_fd = -1, upper_work_fd = -1, overlay_fd = -1;
	int r;

	if (disk_fd < 0)
		return disk_fd;
	r = attach_below(work_fd, "lower", disk_fd, err);
	if (r < 0)
		return r;
	upper_fd = work_subdir(work_fd, "upper");
	upper_work_fd = work_subdir(work_fd, "work");
	if (upper_fd < 0 || upper_work_fd < 0)
		return err_set(err, upper_fd < 0 ? -upper_fd : -upper_work_fd,
			       "cannot make the overlay's directories");
	(void)snprintf(lower, sizeof(lower), "lowerdir=%s/lower", work_dir);
	(void)snprintf(upper, sizeof(upper), "upperdir=%s/upper", work_dir);
	(void)snprintf(work, sizeof(work), "workdir=%s/work", work_dir);
	overlay_fd = detached_mount("overlay", "overlay", &options, false, err);
	if (overlay_fd < 0)
		return err_push(err, "cannot mount the writable overlay");
	return attach_below(work_fd, ROOTFS_NAME_ROOT, overlay_fd, err);
}

int rootfs_mount(const struct rootfs *rootfs, const char *work_dir, struct err *err)
{
	_cleanup_fd_ int work_fd = mount_work(rootfs, work_dir, err);
	_cleanup_fd_ int mount_fd = -1;

	if (work_fd < 0)
		return work_fd;
	if (rootfs->kind == ROOTFS_OVERLAY)
		return mount_overlay(work_fd, rootfs, work_dir, err);
	if (rootfs->kind == ROOTFS_DISK)
		mount_fd = disk_mount(&rootfs->disk, err);
	else
		mount_fd = detached_clone(rootfs->directory, true, err);
	if (mount_fd < 0)
		return mount_fd;
	return attach_below(work_fd, ROOTFS_NAME_ROOT, mount_fd, err);
}
