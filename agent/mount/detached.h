/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts that stand nowhere yet: made with fsopen(2) or open_tree(2), given all their attributes,
 * and only then put in their place, so that nobody sees them half done.
 */
#ifndef KATA_LIKE_AGENT_MOUNT_DETACHED_H
#define KATA_LIKE_AGENT_MOUNT_DETACHED_H

#include "agent/mount/options.h"

/*
 * Mounts a file system. options gives its data and the mount's attributes; read_only_super asks for
 * a superblock that is never written, as a block device needs it. The kernel's own words about what
 * it did not like are in the error. The descriptor, or -errno.
 */
int detached_mount(const char *type, const char *source, const struct mount_options *options,
		   bool read_only_super, struct err *err) _must_check_;

/* A copy of what is mounted at path, recursive with all below. The descriptor, or -errno. */
int detached_clone(const char *path, bool recursive, struct err *err) _must_check_;
/* The same of an open descriptor. */
int detached_clone_fd(int fd, bool recursive) _must_check_;

/* Sets the attributes of options on it. 0 or -errno. */
int detached_set_attr(int mount_fd, const struct mount_options *options, struct err *err)
	_must_check_;
/* Makes it, or all of it, read-only. 0 or -errno. */
int detached_set_read_only(int mount_fd, bool recursive) _must_check_;
/* MS_SHARED and the like, once it is attached. 0 or -errno. */
int detached_set_propagation(int mount_fd, uint64_t propagation, bool recursive) _must_check_;

/* Puts it on the file or directory that target_fd refers to. 0 or -errno. */
int detached_attach(int mount_fd, int target_fd) _must_check_;

#endif
