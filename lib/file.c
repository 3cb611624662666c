/* SPDX-License-Identifier: Apache-2.0 */
/* Small files and directory trees, read, written and removed whole (declared in lib/fd.h). */
#include "lib/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int read_all(int fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
		    struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, room = 0;

	for (;;) {
		ssize_t n;

		if (len + 1 >= room) {
			char *larger;

			room = room ? room * 2 : 4096;
			larger = realloc(text, room);
			if (!larger)
				return err_set(err, ENOMEM, "cannot read %s", path);
			text = larger;
		}
		n = fd_read_full(fd, text + len, room - len - 1);
		if (n < 0)
			return err_set(err, (int)-n, "cannot read %s", path);
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max_bytes)
			return err_set(err, EFBIG, "%s has more than %zu bytes", path, max_bytes);
	}
	text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	*ret_text = TAKE_PTR(text);
	return 0;
}

int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
	      struct err *err)
{
	_cleanup_fd_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set(err, errno, "cannot open %s", path);
	return read_all(fd, path, max_bytes, ret_text, ret_len, err);
}

int file_read_regular(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
		      struct err *err)
{
	/* The opening of a FIFO would wait for its writer. */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "%s is not a regular file", path);
	return read_all(fd, path, max_bytes, ret_text, ret_len, err);
}

int file_write_atomic(const char *path, const void *data, size_t len_bytes, mode_t mode,
		      struct err *err)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_fd_ int fd = -1;
	int r;

	if (asprintf(&temporary, "%s.%d", path, getpid()) < 0)
		return err_set(err, ENOMEM, "cannot write %s", path);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_set(err, errno, "cannot create %s", temporary);
	r = fd_write_full(fd, data, len_bytes);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(temporary);
		return err_set(err, -r, "cannot write %s", path);
	}
	return 0;
}

int file_poke(int dir_fd, const char *path, const char *text)
{
	_cleanup_fd_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	size_t len = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return err_set(err, ENOMEM, "cannot create %s", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return err_set(err, errno, "cannot create %s", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_set(err, errno, "cannot create %s", copy);
	return 0;
}

static bool is_trusted(uid_t owner)
{
	return owner == 0 || owner == geteuid();
}

int dir_check_trusted(const char *path, bool shared, struct err *err)
{
	struct stat link, st;

	/* In this order: a link that is not trusted is not followed. */
	if (lstat(path, &link) < 0)
		return -errno;
	if (!is_trusted(link.st_uid))
		return err_say(err, EACCES, "%s belongs to user %u: it is not used", path,
			       link.st_uid);
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return err_say(err, ENOTDIR, "%s is not a folder", path);
	if (!is_trusted(st.st_uid))
		return err_say(err, EACCES, "%s belongs to user %u: it is not used", path,
			       st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(shared && (st.st_mode & S_ISVTX)))
		return err_say(err, EACCES, "%s can be written to by others: it is not used", path);
	return 0;
}

static int dir_remove_at(int parent_fd, const char *name, dev_t device)
{
	_cleanup_fd_ int fd = -1;
	_cleanup_dir_ DIR *dir = NULL;
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (st.st_dev != device)
		return -EXDEV;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)TAKE_FD(fd);
	for (struct dirent *entry; (entry = readdir(dir));) {
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = dir_remove_at(dirfd(dir), entry->d_name, device);
		if (r < 0)
			return r;
	}
	return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int dir_remove(const char *path, struct err *err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, errno, "cannot remove %s", path);
	r = dir_remove_at(AT_FDCWD, path, st.st_dev);
	return r < 0 ? err_set(err, -r, "cannot remove %s", path) : 0;
}
