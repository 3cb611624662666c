/* SPDX-License-Identifier: Apache-2.0 */
/* A fingerprint of a tree's metadata. */
#include "shim/rootfs/tree-hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define DEPTH_MAX 256

struct walk {
	struct sha256_ctx hash;
	uint64_t mount_id;
	uint64_t size_bytes;
	bool inodes_last;    /* beyond a mount or a boot */
	char path[PATH_MAX]; /* of the entry at hand, for errors */
	size_t path_len;
	struct err *err;
};

/* Strings go in with their length, so that no two sequences of entries look alike. */
static void add_bytes(struct walk *walk, const void *data, size_t len)
{
	uint64_t length = len;

	sha256_update(&walk->hash, sizeof(length), (const uint8_t *)&length);
	sha256_update(&walk->hash, len, data);
}

static int fail(struct walk *walk, int errnum)
{
	return err_set(walk->err, errnum, "cannot read %s", walk->path);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of a folder's entries, sorted, in one block that the caller frees. */
static int list_folder(struct walk *walk, int fd, char ***ret_names, size_t *ret_n)
{
	_cleanup_fd_ int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_dir_ DIR *dir = own_fd < 0 ? NULL : fdopendir(own_fd);
	char **names = NULL;
	size_t n = 0, room = 0;
	int r = 0;

	if (!dir)
		return fail(walk, errno);
	(void)TAKE_FD(own_fd);
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			r = errno;
			break;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (n == room) {
			char **larger =
				realloc(names, (room = room ? room * 2 : 64) * sizeof(*names));

			if (!larger) {
				r = ENOMEM;
				break;
			}
			names = larger;
		}
		names[n] = strdup(entry->d_name);
		if (!names[n]) {
			r = ENOMEM;
			break;
		}
		n++;
	}
	if (n > 0)
		qsort(names, n, sizeof(*names), compare_names);
	*ret_names = names;
	*ret_n = n;
	return r ? fail(walk, r) : 0;
}

static int walk_folder(struct walk *walk, int parent_fd, const char *name, unsigned int depth);

static uint64_t nanoseconds(const struct statx_timestamp *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + time->tv_nsec;
}

/*
 * What tells one content from another. The kernel sets the change time at any write, and at any
 * change of owner, mode, extended attribute or name, and nobody can set it back; a link's target is
 * fixed when it is made. So nothing but stat(2) is asked, which is what the walk takes its time
 * for.
 */
static void add_stat(struct walk *walk, const struct statx *st)
{
	uint64_t fields[] = {
		st->stx_mode,
		st->stx_uid,
		st->stx_gid,
		st->stx_size,
		walk->inodes_last ? st->stx_ino : 0,
		st->stx_rdev_major,
		st->stx_rdev_minor,
		st->stx_nlink,
		nanoseconds(&st->stx_mtime),
		nanoseconds(&st->stx_ctime),
	};

	add_bytes(walk, fields, sizeof(fields));
}

static int walk_entry(struct walk *walk, int parent_fd, const char *name, unsigned int depth)
{
	struct statx st;

	if (statx(parent_fd, name, depth > 0 ? AT_SYMLINK_NOFOLLOW : 0,
		  STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return fail(walk, errno);
	/* By mount, not by device: files of an overlay have the device of the layer they are in. */
	if (depth == 0)
		walk->mount_id = st.stx_mnt_id;
	if (st.stx_mnt_id != walk->mount_id)
		return err_say(walk->err, EXDEV, "another file system is mounted at %s",
			       walk->path);
	add_stat(walk, &st);
	/* A file that has several names is met that often, where all of them are in here. */
	if (S_ISREG(st.stx_mode))
		walk->size_bytes += st.stx_size / MAX(st.stx_nlink, 1u);
	return S_ISDIR(st.stx_mode) ? walk_folder(walk, parent_fd, name, depth) : 0;
}

static int walk_child(struct walk *walk, int fd, const char *name, unsigned int depth)
{
	size_t parent_len = walk->path_len, room = sizeof(walk->path) - parent_len;
	int len = snprintf(walk->path + parent_len, room, "/%s", name), r;

	if (len < 0 || (size_t)len >= room)
		return fail(walk, ENAMETOOLONG);
	walk->path_len = parent_len + (size_t)len;
	add_bytes(walk, name, strlen(name));
	r = walk_entry(walk, fd, name, depth);
	walk->path[parent_len] = '\0';
	walk->path_len = parent_len;
	return r;
}

static int walk_folder(struct walk *walk, int parent_fd, const char *name, unsigned int depth)
{
	_cleanup_fd_ int fd = openat(parent_fd, name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK |
					     (depth > 0 ? O_NOFOLLOW : 0));
	char **names = NULL;
	size_t n = 0;
	int r;

	if (fd < 0)
		return fail(walk, errno);
	if (depth >= DEPTH_MAX)
		return fail(walk, ELOOP);
	r = list_folder(walk, fd, &names, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = walk_child(walk, fd, names[i], depth + 1);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	/* The end of a folder, lest a file in it and one beside it hash the same. */
	add_bytes(walk, "/", 1);
	return r;
}

/*
 * An overlay makes up the inodes of its folders at each mount, and 9p numbers all of them anew:
 * with these no fingerprint would be found again.
 */
static bool inodes_last(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type != OVERLAYFS_SUPER_MAGIC &&
	       fs.f_type != V9FS_MAGIC;
}

int tree_hash(const char *path, uint8_t ret_hash[TREE_HASH_BYTES], uint64_t *ret_size_bytes,
	      struct err *err)
{
	_cleanup_free_ struct walk *walk = calloc(1, sizeof(*walk));
	int r;

	if (!walk)
		return err_set(err, ENOMEM, "cannot read %s", path);
	walk->err = err;
	walk->inodes_last = inodes_last(path);
	walk->path_len = strlen(path);
	if (walk->path_len >= sizeof(walk->path))
		return err_set(err, ENAMETOOLONG, "cannot read %.100s…", path);
	memcpy(walk->path, path, walk->path_len + 1);
	sha256_init(&walk->hash);
	r = walk_entry(walk, AT_FDCWD, path, 0);
	if (r < 0)
		return r;
	sha256_digest(&walk->hash, TREE_HASH_BYTES, ret_hash);
	if (ret_size_bytes)
		*ret_size_bytes = walk->size_bytes;
	return 0;
}
