/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which way a container's root filesystem and each mount of config.json whose source is on the host
 * go into the VM: as a disk (virtio-blk), by the folder that the host shares (virtio-fs), or as
 * memory of its own; see docs/STORAGE.md. Planning looks at config.json, at what a snapshotter
 * gave, and at what kind of file each source is; a job then opens them.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_PLAN_H
#define KATA_LIKE_SHIM_ROOTFS_PLAN_H

#include "lib/err.h"
#include "lib/fd.h"
#include "lib/userns.h"
#include "oci/spec.h"
#include "shim/rootfs/disk.h"
#include "task.pb-c.h"

#define PLAN_ITEMS_MAX 128
/* As many as one packet hands over beside one more. */
#define PLAN_DISKS_MAX (FD_PASS_MAX - 1)

enum plan_way {
	PLAN_DISK,     /* request says which */
	PLAN_SHARED,   /* what is at path */
	PLAN_SNAPSHOT, /* the root: the mounts that a snapshotter gave, made and then shared */
};

struct plan_item {
	enum plan_way way;
	char *path;	   /* on the host; absolute */
	char *destination; /* in the container; NULL: the root */
	size_t index;	   /* of the mount in config.json; not of the root */
	bool readonly;	   /* how it is mounted */
	/* PLAN_DISK */
	struct disk_request request; /* its path is the item's own */
	char *subpath;		     /* within the disk; NULL: all of it */
	/* PLAN_SHARED */
	bool recursive;		 /* with what is mounted below */
	bool readonly_recursive; /* and that read-only too */
	struct userns_map map;	 /* how its owners look */
	bool recursive_map;	 /* and those of what is mounted below */
};

/* A folder in memory of the host's, which becomes one in the guest's. */
struct plan_memory {
	size_t index;  /* of the mount in config.json */
	char name[40]; /* the same for all containers with that source */
	uint64_t size_bytes;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* The root is item 0. */
struct plan {
	struct plan_item items[PLAN_ITEMS_MAX];
	struct plan_memory memory[PLAN_ITEMS_MAX];
	size_t n_items, n_disks, n_memory;
	bool shares; /* an item goes by the shared folder */
};

struct plan_input {
	const char *bundle; /* absolute */
	/* What a snapshotter gave as the root; none: root.path of config.json. */
	KataLike__Task__Mount *const *mounts;
	size_t n_mounts;
	bool can_share; /* a file server can be had: sharing takes root's powers */
	/* A folder as root.path is the container's own to write to, not to be copied. */
	bool owns_root;
};

/*
 * Plans a container. -EINVAL names the mount or device that cannot cross into a VM; -ENOENT,
 * -EACCES what is not there or cannot be read.
 */
int plan_make(const struct oci_spec *spec, const struct plan_input *input, struct plan **ret_plan,
	      struct err *err) _must_check_;
/* NULL is fine. */
void plan_free(struct plan *plan);

#endif
