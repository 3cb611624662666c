/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS images of folders. A builder holds a lock on one byte of images/lock, at a place that
 * follows from the fingerprint: so two never make the same image at once, and two different ones
 * can be made at the same time.
 */
#include "shim/rootfs/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/fd.h"
#include "lib/paths.h"
#include "shim/job.h"
#include "shim/rootfs/disk.h"
#include "shim/rootfs/image-cache.h"

/* How often a folder may change under the builder before it is given up. */
#define BUILD_ATTEMPTS 3

void image_serial(const uint8_t hash[TREE_HASH_BYTES], char kind, char *ret_serial)
{
	ret_serial[0] = kind;
	for (int i = 1; i < DISK_SERIAL_MAX; i++) {
		uint8_t byte = hash[(i - 1) / 2];

		ret_serial[i] = "0123456789abcdef"[i % 2 ? byte >> 4 : byte & 15];
	}
	ret_serial[DISK_SERIAL_MAX] = '\0';
}

/* At once. copy_file_range(2) would be the word, but refuses to cross file systems. */
#define COPY_BYTES_MAX (1u << 30)

/* Copies one file into a new folder, from which mkfs.erofs can make an image. */
static int stage_file(const char *path, const struct stat *st, const char *folder, struct err *err)
{
	_cleanup_free_ char *copy_path = NULL, *name = strdup(path);
	_cleanup_fd_ int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), to = -1;
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	ssize_t n;

	if (from < 0)
		return err_set(err, errno, "cannot open %s", path);
	if (!name || asprintf(&copy_path, "%s/%s", folder, basename(name)) < 0)
		return err_set(err, ENOMEM, "cannot copy %s", path);
	to = open(copy_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return err_set(err, errno, "cannot create %s", copy_path);
	do
		n = sendfile(to, from, NULL, COPY_BYTES_MAX);
	while (n > 0);
	if (n < 0)
		return err_set(err, errno, "cannot copy %s", path);
	/* The owner cannot be kept without root; the times and the mode can. */
	if (fchown(to, st->st_uid, st->st_gid) < 0 && errno != EPERM)
		return err_set(err, errno, "cannot set the owner of %s", copy_path);
	if (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0)
		return err_set(err, errno, "cannot copy the mode of %s", path);
	return 0;
}

static int run_mkfs(const char *image, const char *folder, struct err *err)
{
	char *argv[] = { (char *)"mkfs.erofs", (char *)"--quiet", (char *)"--preserve-mtime",
			 (char *)image,	       (char *)folder,	  NULL };

	return job_run_program(argv, "erofs-utils", err);
}

/* Builds into temporary; folder and staging as the caller named them. */
static int build(const char *path, const char *temporary, const char *staging, struct err *err)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "cannot read %s", path);
	if (S_ISDIR(st.st_mode))
		return run_mkfs(temporary, path, err);
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is neither a folder nor a regular file", path);
	if (mkdir(staging, 0700) < 0)
		return err_set(err, errno, "cannot create %s", staging);
	r = stage_file(path, &st, staging, err);
	if (r == 0)
		r = run_mkfs(temporary, staging, err);
	if (dir_remove(staging, NULL) < 0 && r == 0)
		r = err_say(err, EIO, "cannot remove %s", staging);
	return r;
}

/*
 * Builds the image of what path holds under this fingerprint. -EAGAIN when it holds something else
 * by the end of it.
 */
static int build_and_rename(const char *path, const uint8_t hash[TREE_HASH_BYTES],
			    const char *image, struct err *err)
{
	_cleanup_free_ char *temporary = NULL, *staging = NULL;
	uint8_t after[TREE_HASH_BYTES];
	int r;

	if (asprintf(&temporary, "%s.%d.new", image, getpid()) < 0 ||
	    asprintf(&staging, "%s.%d.dir", image, getpid()) < 0)
		return err_set(err, ENOMEM, "cannot build %s", image);
	r = build(path, temporary, staging, err);
	if (r == 0)
		r = tree_hash(path, after, NULL, err);
	if (r == 0 && memcmp(hash, after, sizeof(after)) != 0)
		r = err_say(err, EAGAIN, "it changes while it is being read");
	if (r == 0 && rename(temporary, image) < 0)
		r = err_set(err, errno, "cannot rename %s", temporary);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

/*
 * mkfs.erofs writes out what a file has no blocks for: a few bytes of a hostile image would fill
 * the disk. cache_fd: of any file in the cache.
 */
static int check_room(int cache_fd, uint64_t size_bytes, struct err *err)
{
	struct statvfs fs;
	uint64_t room_bytes;

	if (fstatvfs(cache_fd, &fs) < 0)
		return err_set(err, errno, "cannot tell how much room the cache has");
	room_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (size_bytes <= room_bytes)
		return 0;
	return err_set(err, ENOSPC,
		       "its files have %" PRIu64 " MiB, and the cache has room for %" PRIu64,
		       size_bytes >> 20, room_bytes >> 20);
}

static int open_or_build(const char *path, char *ret_serial, int *ret_fd, struct err *err)
{
	uint8_t hash[TREE_HASH_BYTES];
	char image[PATHS_MAX], name[64];
	_cleanup_fd_ int lock = -1, fd = -1;
	uint64_t size_bytes = 0;
	int r = tree_hash(path, hash, &size_bytes, err);

	if (r < 0)
		return r;
	image_serial(hash, 'e', ret_serial);
	(void)snprintf(name, sizeof(name), "images/%s.erofs", ret_serial);
	r = paths_cache(name, image, err);
	if (r == 0)
		r = image_cache_lock(hash, &lock, err);
	if (r < 0)
		return r;
	fd = open(image, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot open %s", image);
	if (fd < 0) {
		r = check_room(lock, size_bytes, err);
		if (r == 0)
			r = build_and_rename(path, hash, image, err);
		if (r < 0)
			return err_push(err, "cannot make an image of %s", path);
		fd = open(image, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "cannot open %s", image);
		image_cache_evict(ret_serial, IMAGE_CACHE_MAX_BYTES);
	}
	/* For the eviction, which goes by this time. */
	(void)futimens(fd, NULL);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int image_open(const char *path, char *ret_serial, int *ret_fd, struct err *err)
{
	int r = -EAGAIN;

	for (int attempt = 0; attempt < BUILD_ATTEMPTS && r == -EAGAIN; attempt++) {
		if (err)
			*err = ERR_INIT;
		r = open_or_build(path, ret_serial, ret_fd, err);
	}
	return r;
}
