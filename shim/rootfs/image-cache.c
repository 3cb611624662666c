/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that images are kept in. */
#include "shim/rootfs/image-cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/fd.h"
#include "lib/paths.h"

/* Nobody builds an image for so long: what is left of one is from a builder that was killed. */
#define LEFTOVER_AGE_S (6 * 3600)

struct entry {
	char name[64];
	struct timespec used;
	uint64_t bytes; /* that it takes on disk */
};

struct entries {
	struct entry *list;
	size_t n, room;
	uint64_t bytes;
};

int image_cache_lock(const uint8_t hash[TREE_HASH_BYTES], int *ret_lock_fd, struct err *err)
{
	char path[PATHS_MAX];
	_cleanup_fd_ int fd = -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	uint32_t place;
	int r = paths_cache("images", path, err);

	if (r == 0)
		r = dir_make(path, 0700, err);
	if (r == 0)
		r = paths_cache("images/lock", path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, errno, "cannot open %s", path);
	memcpy(&place, hash, sizeof(place));
	lock.l_start = place;
	do
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_set(err, errno, "cannot lock %s", path);
	*ret_lock_fd = TAKE_FD(fd);
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->used.tv_sec != y->used.tv_sec)
		return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
	return x->used.tv_nsec < y->used.tv_nsec ? -1 : x->used.tv_nsec > y->used.tv_nsec;
}

static int entries_add(struct entries *entries, const char *name, const struct stat *st)
{
	struct entry *entry;

	if (strlen(name) >= sizeof(entry->name))
		return -ENAMETOOLONG; /* not one of ours */

	if (entries->n == entries->room) {
		size_t room = entries->room ? entries->room * 2 : 64;
		struct entry *larger = realloc(entries->list, room * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		entries->list = larger;
		entries->room = room;
	}
	entry = &entries->list[entries->n++];
	memcpy(entry->name, name, strlen(name) + 1);
	entry->used = st->st_mtim;
	entry->bytes = (uint64_t)st->st_blocks * 512;
	entries->bytes += entry->bytes;
	return 0;
}

static bool ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && strcmp(name + len - end_len, end) == 0;
}

static void remove_leftover(int dir_fd, const char *name, const struct stat *st)
{
	char path[PATHS_MAX], relative[PATHS_MAX];

	if (st->st_mtime + LEFTOVER_AGE_S > time(NULL))
		return;
	if (unlinkat(dir_fd, name, 0) == 0 || errno != EISDIR)
		return;
	if (snprintf(relative, sizeof(relative), "images/%s", name) < (int)sizeof(relative) &&
	    paths_cache(relative, path, NULL) == 0)
		(void)!dir_remove(path, NULL);
}

static void look_at(int dir_fd, const char *name, struct entries *entries)
{
	struct stat st;

	if (name[0] == '.' || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (ends_with(name, ".new") || ends_with(name, ".dir"))
		remove_leftover(dir_fd, name, &st);
	else if (ends_with(name, ".erofs") && S_ISREG(st.st_mode))
		(void)entries_add(entries, name, &st);
}

void image_cache_evict(const char *keep, uint64_t max_bytes)
{
	char path[PATHS_MAX];
	_cleanup_dir_ DIR *dir = NULL;
	struct entries entries = { .n = 0 };

	if (paths_cache("images", path, NULL) < 0)
		return;
	dir = opendir(path);
	if (!dir)
		return;
	for (struct dirent *entry; (entry = readdir(dir));)
		look_at(dirfd(dir), entry->d_name, &entries);
	if (entries.n > 0)
		qsort(entries.list, entries.n, sizeof(*entries.list), by_use);
	for (size_t i = 0; i < entries.n && entries.bytes > max_bytes; i++) {
		const struct entry *entry = &entries.list[i];

		if (strncmp(entry->name, keep, strlen(keep)) == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->name, 0) == 0)
			entries.bytes -= entry->bytes;
	}
	free(entries.list);
}
