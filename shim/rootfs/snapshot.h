/* SPDX-License-Identifier: Apache-2.0 */
/* A root filesystem as a snapshotter of containerd gives it: mounts to be made one over the other.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_SNAPSHOT_H
#define KATA_LIKE_SHIM_ROOTFS_SNAPSHOT_H

#include <stddef.h>

#include "lib/err.h"
#include "task.pb-c.h"

/*
 * Makes the mounts on the folder target, in a mount namespace that this process gets for itself:
 * they end with it, however it ends. -EINVAL for a mount without a type or source.
 */
int snapshot_mount(KataLike__Task__Mount *const *mounts, size_t n_mounts, const char *target,
		   struct err *err) _must_check_;

#endif
