/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a container's root, which the image's maker filled with links of their choice. Every
 * step is taken with openat2(2) and RESOLVE_IN_ROOT, and what comes out is a descriptor, so that
 * nothing can be swapped between the check and the use.
 */
#ifndef KATA_LIKE_AGENT_MOUNT_RESOLVE_H
#define KATA_LIKE_AGENT_MOUNT_RESOLVE_H

#include <stdbool.h>

#include "lib/err.h"

/* Opens path as seen from root_fd with O_PATH | O_CLOEXEC | flags. The descriptor or -errno. */
int resolve_open(int root_fd, const char *path, int flags) _must_check_;

/* The same for a file that is to be read or written: no O_PATH of its own. */
int resolve_open_file(int root_fd, const char *path, int flags) _must_check_;

/*
 * Opens path with O_PATH; what is missing of it is created, directories with 0755, and as the last
 * part a directory or an empty file. Links are followed inside the root, dangling ones too. The
 * descriptor or -errno; -ELOOP for too many links.
 */
int resolve_create(int root_fd, const char *path, bool directory) _must_check_;

/* True if no part of path is a link, so that it is what its name says. */
bool resolve_is_plain(int root_fd, const char *path);

/*
 * Splits path: opens (creating it) the directory that its last part stands in, and hands out that
 * part, which points into path. -EINVAL where the last part is empty, "." or "..".
 */
int resolve_parent(int root_fd, const char *path, int *ret_dir_fd, const char **ret_name)
	_must_check_;

/* "/proc/self/fd/N" of a descriptor, for calls that take paths only. */
#define RESOLVE_FD_PATH_MAX 32
const char *resolve_fd_path(int fd, char path[RESOLVE_FD_PATH_MAX]);

#endif
