/* SPDX-License-Identifier: Apache-2.0 */
/* A container's cgroup: one directory of the cgroup v2 tree, and everything below it. */
#ifndef KATA_LIKE_AGENT_CONTAINER_CGROUP_H
#define KATA_LIKE_AGENT_CONTAINER_CGROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci/spec.h"

struct cgroup {
	char *path;    /* from the tree's root: "/kata-like/web" */
	int parent_fd; /* the directory it stands in; borrowed */
	int fd;	       /* the directory itself */
	char *name;
};

/*
 * Makes the directory below which containers get theirs, in a cgroup v2 tree mounted at mount_path,
 * with every controller there is handed down to it. The descriptor is the caller's.
 */
int cgroup_base_open(const char *mount_path, const char *name, int *ret_fd, struct err *err)
	_must_check_;

/* Makes base_name/name; EEXIST if it is there. */
int cgroup_new(int base_fd, const char *base_name, const char *name, struct cgroup **ret_cgroup,
	       struct err *err) _must_check_;
/* Forgets it, leaving the directory. NULL is fine. */
void cgroup_free(struct cgroup *cgroup);

/* Sets what resources ask for, but for the devices. Names what cannot be set. */
int cgroup_apply(const struct cgroup *cgroup, const struct oci_resources *resources,
		 struct err *err) _must_check_;

/* Puts resources' device rules in place of those before. */
int cgroup_apply_devices(const struct cgroup *cgroup, const struct oci_resources *resources,
			 struct err *err) _must_check_;

/*
 * Gives the directory to the root of a user namespace, as the VM knows it, so that it can make
 * groups of its own below: it and the files that /sys/kernel/cgroup/delegate lists
 * ("cgroup-v2.rst", "Delegation"; runtime-spec 1.2, "Cgroup ownership").
 */
int cgroup_delegate(const struct cgroup *cgroup, uint32_t uid, uint32_t gid, struct err *err)
	_must_check_;

/* SIGKILL to every process in it. 0 or -errno. */
int cgroup_kill(const struct cgroup *cgroup) _must_check_;
/* Another signal to every process in it. 0 or -errno. */
int cgroup_signal(const struct cgroup *cgroup, int signal_number) _must_check_;

/* Asks for (un)freezing; cgroup_is_frozen() tells when it has come about. */
int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct err *err) _must_check_;
bool cgroup_is_frozen(const struct cgroup *cgroup);

/* Calls fn for each process in it and below, until fn returns negative; returns that, or 0. */
typedef int cgroup_pid_fn(void *ctx, pid_t pid);
int cgroup_each_pid(const struct cgroup *cgroup, cgroup_pid_fn *fn, void *ctx) _must_check_;

/* Removes it with all below. -EBUSY while processes are in it. */
int cgroup_remove(const struct cgroup *cgroup) _must_check_;

/* A file's text ("memory.stat"), cut at size - 1; -errno (-ENOENT: no such controller). */
ssize_t cgroup_read(const struct cgroup *cgroup, const char *file, char *buffer, size_t size)
	_must_check_;
/* A file that holds one number; "max" gives max. 0 or -errno. */
int cgroup_read_number(const struct cgroup *cgroup, const char *file, uint64_t max,
		       uint64_t *ret_value) _must_check_;

#endif
