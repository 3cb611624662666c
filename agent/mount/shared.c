/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that the host shares. */
#include "agent/mount/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <linux/magic.h>

#include "lib/fd.h"
#include "proto/shared-folder.h"

#define FOLDER		 "/run/kata-like-shared"
#define NAME_MAX_BYTES	 20
#define FIND_TIMEOUT_MS	 2000
#define FIND_INTERVAL_MS 10

static bool is_mounted(void)
{
	struct statfs st;

	return statfs(FOLDER, &st) == 0 && st.f_type == FUSE_SUPER_MAGIC;
}

static int mount_folder(struct err *err)
{
	const struct timespec interval = { .tv_nsec = FIND_INTERVAL_MS * 1000000L };
	int64_t deadline_ms = clock_monotonic_ms() + FIND_TIMEOUT_MS;
	bool rescanned = false;

	if (is_mounted())
		return 0;
	if (mkdir(FOLDER, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "cannot create %s", FOLDER);
	/* What is mounted below gets the flags of this one, so it has none. */
	while (mount(SHARED_FOLDER_TAG, FOLDER, "virtiofs", 0, NULL) < 0) {
		if (errno != EINVAL && errno != ENXIO && errno != ENOENT)
			return err_set(err, errno, "cannot mount the folder that the host shares");
		if (clock_monotonic_ms() > deadline_ms)
			return err_say(err, ENODEV, "the VM has no folder of the host's");
		/* A device that was plugged in while we ran waits for the bus to be scanned. */
		if (!rescanned && file_poke(AT_FDCWD, "/sys/bus/pci/rescan", "1") < 0)
			deadline_ms = 0;
		rescanned = true;
		nanosleep(&interval, NULL);
	}
	return 0;
}

static int path_of(const char *name, char ret_path[SHARED_PATH_MAX], struct err *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES || strspn(name, "0123456789") != len)
		return err_say(err, EINVAL, "\"%.32s\" is no name in the shared folder", name);
	(void)snprintf(ret_path, SHARED_PATH_MAX, FOLDER "/%s", name);
	return 0;
}

int shared_use(const char *name, char ret_path[SHARED_PATH_MAX], struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int r = path_of(name, ret_path, err);

	if (r == 0)
		r = mount_folder(err);
	if (r < 0)
		return r;
	/* Each directory is a file system of its own, which the kernel mounts as it is entered. */
	fd = open(ret_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOTDIR)
		return 0;
	return fd < 0 ? err_set(err, errno, "cannot open %s of the shared folder", name) : 0;
}

int shared_release(const char *name, struct err *err)
{
	char path[SHARED_PATH_MAX];
	int r = path_of(name, path, err);

	if (r < 0)
		return r;
	/* Files are no mounts, and what was never used is not there. */
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return err_set(err, errno, "cannot let go of %s of the shared folder", name);
	return 0;
}
