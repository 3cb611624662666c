/* SPDX-License-Identifier: Apache-2.0 */
/* A container's root: an image on a disk under a writable overlay, a disk, or a directory. */
#ifndef KATA_LIKE_AGENT_MOUNT_ROOTFS_H
#define KATA_LIKE_AGENT_MOUNT_ROOTFS_H

#include "agent/mount/disk.h"

enum rootfs_kind {
	ROOTFS_OVERLAY,	  /* disk is the read-only layer below */
	ROOTFS_DISK,	  /* disk is all of it */
	ROOTFS_DIRECTORY, /* bound as it is */
};

struct rootfs {
	enum rootfs_kind kind;
	struct disk disk;
	uint64_t overlay_size_bytes; /* 0: tmpfs's default, half of the memory */
	char *directory;
};

/* The directory that rootfs_mount() makes the root in, below its work directory. */
#define ROOTFS_NAME_ROOT "root"

/*
 * Mounts the root at work_dir/root, in a mount namespace of the caller's own. work_dir exists and
 * gets a tmpfs, which holds what is written to the overlay.
 */
int rootfs_mount(const struct rootfs *rootfs, const char *work_dir, struct err *err) _must_check_;

#endif
