/* SPDX-License-Identifier: Apache-2.0 */
/* Paths inside a container's root. */
#include "agent/mount/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#define LINKS_MAX 40

static int open_in_root(int root_fd, const char *path, int flags)
{
	const struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd;

	/* -EAGAIN: something was renamed while "..": safe to try again. */
	do
		fd = (int)syscall(SYS_openat2, root_fd, *path ? path : ".", &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : fd;
}

int resolve_open(int root_fd, const char *path, int flags)
{
	return open_in_root(root_fd, path, O_PATH | flags);
}

int resolve_open_file(int root_fd, const char *path, int flags)
{
	return open_in_root(root_fd, path, flags);
}

bool resolve_is_plain(int root_fd, const char *path)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	_cleanup_fd_ int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd >= 0;
}

/*
 * The path that a dangling link at prefix stands for, with the rest of the path behind it. An
 * absolute target starts at the root again. 0, or -errno (-EINVAL: no link).
 */
static int follow_dangling(int dir_fd, const char *prefix, size_t prefix_len, const char *name,
			   const char *rest, char *ret_path)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target) - 1);
	int len;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (target[0] == '/')
		len = snprintf(ret_path, PATH_MAX, "%s/%s", target, rest);
	else
		len = snprintf(ret_path, PATH_MAX, "%.*s/%s/%s", (int)prefix_len, prefix, target,
			       rest);
	return len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int make_missing(int dir_fd, const char *name, bool directory)
{
	int fd;

	if (directory)
		return mkdirat(dir_fd, name, 0755) < 0 ? -errno : 0;
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/*
 * Walks path, creating what is missing. Returns a descriptor; -EXDEV with ret_path set where a
 * dangling link was met and the walk must start again with that path; or another -errno.
 */
static int create_walk(int root_fd, const char *path, bool directory, char *ret_path)
{
	_cleanup_fd_ int at = open_in_root(root_fd, "/", O_PATH | O_DIRECTORY);
	char prefix[PATH_MAX];
	const char *p = path;

	if (at < 0)
		return at;
	for (;;) {
		char name[NAME_MAX + 1];
		size_t name_len, parent_len;
		bool last;
		int next, r;

		p += strspn(p, "/");
		if (!*p)
			return TAKE_FD(at);
		name_len = strcspn(p, "/");
		if (name_len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, p, name_len);
		name[name_len] = '\0';
		parent_len = (size_t)(p - path);
		p += name_len;
		last = p[strspn(p, "/")] == '\0';
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)(p - path), path);
		next = open_in_root(root_fd, prefix, O_PATH);
		if (next == -ENOENT) {
			r = make_missing(at, name, directory || !last);
			if (r == -EEXIST) {
				r = follow_dangling(at, path, parent_len, name, p, ret_path);
				return r < 0 ? r : -EXDEV;
			}
			if (r < 0)
				return r;
			next = open_in_root(root_fd, prefix, O_PATH);
		}
		if (next < 0)
			return next;
		close(at);
		at = next;
	}
}

int resolve_create(int root_fd, const char *path, bool directory)
{
	char current[PATH_MAX], next[PATH_MAX];
	int fd;

	if (strlen(path) >= sizeof(current))
		return -ENAMETOOLONG;
	fd = open_in_root(root_fd, path, O_PATH);
	if (fd != -ENOENT)
		return fd;
	(void)snprintf(current, sizeof(current), "%s", path);
	for (int links = 0; links < LINKS_MAX; links++) {
		fd = create_walk(root_fd, current, directory, next);
		if (fd != -EXDEV)
			return fd;
		memcpy(current, next, sizeof(current));
	}
	return -ELOOP;
}

int resolve_parent(int root_fd, const char *path, int *ret_dir_fd, const char **ret_name)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int fd;

	if (strlen(path) >= sizeof(dir))
		return -ENAMETOOLONG;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	(void)snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	fd = resolve_create(root_fd, dir, true);
	if (fd < 0)
		return fd;
	*ret_dir_fd = fd;
	*ret_name = name;
	return 0;
}

const char *resolve_fd_path(int fd, char path[RESOLVE_FD_PATH_MAX])
{
	(void)snprintf(path, RESOLVE_FD_PATH_MAX, "/proc/self/fd/%d", fd);
	return path;
}
