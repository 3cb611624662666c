/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that a pod's file server shares with the VM, and what is mounted in it.
 *
 * It lives in a mount namespace of its own, a copy of the host's that follows what is unmounted
 * there. Nobody but the file server is ever in it, so that with the file server and the last
 * descriptor of the namespace all that was mounted goes, whoever was killed and however. In it,
 *over the sandbox's state folder, stands a small tmpfs:
 *
 *	tree/	where things are mounted, each under a number
 *	view/	the same, read-only at the top: what is shared, so that the guest cannot add to it
 *
 * What is to be mounted is first taken hold of by open_tree(2), in the host's namespace: paths are
 * looked up once, and what was found is what is shared.
 *
 * These functions block and change the namespace of the process, so they are for jobs.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_SHARE_H
#define KATA_LIKE_SHIM_ROOTFS_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/userns.h"

/* What is shared, as far as two containers that share it can share one mount of it. */
struct share_id {
	uint64_t dev, ino;
	bool readonly, recursive;
};

struct share_tree {
	int fd; /* the mount, attached nowhere */
	bool directory;
	struct share_id id;
};

struct share_options {
	bool recursive, readonly, readonly_recursive;
	const struct userns_map *map; /* NULL: owners as they are */
	bool recursive_map;
};

/*
 * Takes hold of what is at path. It follows what the host mounts in it later, but nothing that
 * happens in the copy goes back. -EINVAL for anything but a directory or a regular file.
 */
int share_take(const char *path, const struct share_options *options, struct share_tree *ret_tree,
	       struct err *err) _must_check_;

/* A mount namespace for this process, in which nothing it mounts is seen from outside. */
int share_leave_host(struct err *err) _must_check_;

/* Makes the folder over state_dir in a new namespace, which this process is then in. */
int share_make(const char *state_dir, struct err *err) _must_check_;

/* Mounts the tree under a number in the folder of the namespace that this process is in. */
int share_attach(const char *state_dir, const struct share_tree *tree, uint32_t number,
		 struct err *err) _must_check_;
/* Takes it away again; files still open in the guest stay usable. */
int share_detach(const char *state_dir, uint32_t number, struct err *err) _must_check_;

/* The folder as the file server is given it, into a buffer of PATHS_MAX. */
void share_view(const char *state_dir, char *ret_path);

#endif
