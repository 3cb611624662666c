/* SPDX-License-Identifier: Apache-2.0 */
/* Id-mapped mounts, whose owners look shifted. */
#ifndef KATA_LIKE_AGENT_MOUNT_IDMAP_H
#define KATA_LIKE_AGENT_MOUNT_IDMAP_H

#include "oci/spec.h"

/*
 * Maps the owners of a detached mount: by the mount's own mappings, or else by those of the
 * container's user namespace. 0 or -errno.
 */
int idmap_apply(int mount_fd, const struct oci_spec *spec, const struct oci_mount *mount,
		bool recursive, struct err *err) _must_check_;

/* Writes /proc/PID/uid_map or gid_map ("uid", "gid"). 0 or -errno. */
int idmap_write(pid_t pid, const char *kind, const struct oci_id_mapping *mappings, size_t n)
	_must_check_;

#endif
