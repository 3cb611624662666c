/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces as mappings of ids, and mounts whose owners look shifted by one. A mapping is a
 * text as /proc/PID/uid_map takes it, user_namespaces(7): lines of "INSIDE OUTSIDE COUNT".
 */
#ifndef KATA_LIKE_LIB_USERNS_H
#define KATA_LIKE_LIB_USERNS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

/* Of a mount: what lies there as INSIDE shows as OUTSIDE. */
struct userns_map {
	char *uids, *gids; /* NULL: ids are not mapped */
};

/* Of a process that has just been given a user namespace. 0 or -errno. */
int userns_write(pid_t pid, const struct userns_map *map) _must_check_;

/*
 * Of the caller, who has just made a user namespace as user and group: both keep their numbers
 * there. 0 or -errno.
 */
int userns_map_ourselves(uid_t user, gid_t group) _must_check_;

/*
 * Maps the owners of a detached mount, and of what is mounted below it where recursive. 0, or
 * negative with err set; -EINVAL where its file system cannot.
 */
int userns_map_mount(int mount_fd, const struct userns_map *map, bool recursive, struct err *err)
	_must_check_;

void userns_map_fini(struct userns_map *map);

#endif
