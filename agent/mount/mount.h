/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of config.json, made inside a container's root before anything runs there. */
#ifndef KATA_LIKE_AGENT_MOUNT_MOUNT_H
#define KATA_LIKE_AGENT_MOUNT_MOUNT_H

#include "agent/mount/disk.h"

/* A mount of config.json whose source is a disk: matched by destination. */
struct disk_mount {
	char *destination;
	struct disk disk;
	char *subpath; /* inside the disk; NULL or "" for its root */
};

/* What mounting needs to know of the container. */
struct mount_env {
	int root_fd; /* the container's root */
	bool own_cgroup_namespace;
	const char *cgroup_directory; /* its cgroup, in the file system of the agent */
	bool shares_shm;	      /* a /dev/shm of the host's means the pod's own */
	/* By the index of the mount in config.json; -1 where it is not made beforehand. */
	const int *prepared;
};

/*
 * Makes beforehand, with the powers of the VM's root user, what a container in a user namespace
 * could not: file systems on disks, and mounts with an id mapping. ret_fds has room for every
 * mount.
 */
int mount_prepare(const struct oci_spec *spec, const struct disk_mount *disks, size_t n_disks,
		  const char *work_dir, int *ret_fds, struct err *err) _must_check_;

/* Makes mount i of config.json. Errors name its destination. */
int mount_make(const struct mount_env *env, const struct oci_spec *spec, size_t i, struct err *err)
	_must_check_;

#endif
