/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which disks a container needs: its root filesystem, and each mount of config.json whose source is
 * on the host. Planning looks at config.json only; the disks are opened by a job (they may have to
 * be built first).
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_PLAN_H
#define KATA_LIKE_SHIM_ROOTFS_PLAN_H

#include "lib/err.h"
#include "lib/fd.h"
#include "oci/spec.h"
#include "shim/rootfs/disk.h"

/* As many as one packet hands over. */
#define PLAN_ITEMS_MAX FD_PASS_MAX

struct plan_item {
	struct disk_request request; /* its path is the item's own */
	char *path;
	char *destination; /* in the container; NULL: the root */
	char *subpath;	   /* within the disk; NULL: all of it */
	bool readonly;	   /* how it is mounted */
};

/* The root is item 0. */
struct plan {
	struct plan_item items[PLAN_ITEMS_MAX];
	size_t n_items;
};

/*
 * Plans the container of a bundle (an absolute path). -EINVAL names the mount that cannot cross
 * into a VM; -ENOENT, -EACCES what is not there or cannot be read.
 */
int plan_make(const struct oci_spec *spec, const char *bundle, struct plan **ret_plan,
	      struct err *err) _must_check_;
/* NULL is fine. */
void plan_free(struct plan *plan);

#endif
