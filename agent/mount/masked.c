/* SPDX-License-Identifier: Apache-2.0 */
/* Masked and read-only paths. */
#include "agent/mount/masked.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <linux/mount.h>

#include "agent/mount/detached.h"
#include "agent/mount/resolve.h"

static int empty_directory(struct err *err)
{
	const char *data[] = { "size=4k", "nr_inodes=2", "mode=0755" };
	const struct mount_options options = { .attr_set = MOUNT_ATTR_RDONLY,
					       .data = data,
					       .n_data = ARRAY_SIZE(data) };

	return detached_mount("tmpfs", "tmpfs", &options, false, err);
}

static int cover(int target_fd, struct err *err)
{
	_cleanup_fd_ int cover_fd = -1;
	struct stat st;

	if (fstat(target_fd, &st) < 0)
		return -errno;
	cover_fd = S_ISDIR(st.st_mode) ? empty_directory(err)
				       : detached_clone("/dev/null", false, err);
	return cover_fd < 0 ? cover_fd : detached_attach(cover_fd, target_fd);
}

/* Paths below something that is no directory are missing too. */
static bool is_missing(int fd)
{
	return fd == -ENOENT || fd == -ENOTDIR;
}

int masked_cover(int root_fd, const struct oci_strings *paths, struct err *err)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_fd_ int target_fd = resolve_open(root_fd, paths->list[i], 0);
		int r;

		if (is_missing(target_fd))
			continue;
		r = target_fd < 0 ? target_fd : cover(target_fd, err);
		if (r < 0)
			return err_set(err, -r, "cannot mask %s", paths->list[i]);
	}
	return 0;
}

static int make_read_only(int target_fd)
{
	_cleanup_fd_ int clone_fd = detached_clone_fd(target_fd, true);
	/* What is mounted below keeps what its own mount says. */
	int r = clone_fd < 0 ? clone_fd : detached_set_read_only(clone_fd, false);

	return r < 0 ? r : detached_attach(clone_fd, target_fd);
}

int masked_make_read_only(int root_fd, const struct oci_strings *paths, struct err *err)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_fd_ int target_fd = resolve_open(root_fd, paths->list[i], 0);
		int r;

		if (is_missing(target_fd))
			continue;
		r = target_fd < 0 ? target_fd : make_read_only(target_fd);
		if (r < 0)
			return err_set(err, -r, "cannot make %s read-only", paths->list[i]);
	}
	return 0;
}
