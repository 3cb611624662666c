/* SPDX-License-Identifier: Apache-2.0 */
/* A root filesystem as a snapshotter of containerd gives it: mounts to be made one over the other.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_SNAPSHOT_H
#define KATA_LIKE_SHIM_ROOTFS_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "task.pb-c.h"

/*
 * Makes the mounts on the folder target, in the mount namespace of this process, which may change
 * its working directory for that. -EINVAL for a mount without a type or source.
 */
int snapshot_mount(KataLike__Task__Mount *const *mounts, size_t n_mounts, const char *target,
		   struct err *err) _must_check_;

/*
 * Options of an overlay ("lowerdir=/a/b/1/fs:/a/b/2/fs", "upperdir=/a/b/3/fs", …) with its folders
 * as seen from the one that all of them are in, which goes to ret_dir (PATH_MAX bytes); the options
 * are changed in place. False where they have nothing in common but the root.
 */
bool snapshot_shorten(char *options, char *ret_dir);

#endif
