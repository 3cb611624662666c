/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where on the host a pod's processes are: the network namespace and the cgroup that config.json of
 * its first container names. The VM is put into that cgroup, so that what the pod uses is counted
 * there, and so are the processes that stand for its tasks.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_PLACE_H
#define KATA_LIKE_SHIM_SANDBOX_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/paths.h"
#include "oci/spec.h"
#include "shim/state.h"

struct place {
	bool known;
	int netns_fd;		    /* -1: the host's */
	char netns_path[PATHS_MAX]; /* its path; "" for one that only the pod has */
	char cgroup[PATHS_MAX];	    /* its folder; "" for none of its own */
	int cgroup_fd;		    /* the same; -1 for none */
	bool cgroup_made;	    /* by us, so it is ours to remove */
};

#define PLACE_INIT ((struct place){ .netns_fd = -1, .cgroup_fd = -1 })

/*
 * Takes the place from a spec: opens or makes the namespace, makes the cgroup and notes it down in
 * the sandbox's folder, where place_clear() finds it. One that is there already is used as it is,
 * and left in the end; -EBUSY where processes run in it. Later containers of the pod change
 * nothing. Without the rights to make them (rootless) the pod stays where the shim is.
 */
int place_take(struct place *place, const struct oci_spec *spec, const struct state *state,
	       struct err *err) _must_check_;

/* Puts this process into a cgroup named as in cgroupsPath, which is made. */
int place_move_self(const char *cgroups_path, struct err *err) _must_check_;

/* Lets go of the namespace and removes the cgroup that was made. Whoever is in it must have ended.
 */
void place_leave(struct place *place);

/* Removes the cgroup that a dead shim's pod had. No error when there is none. */
void place_clear(const struct state *state);

/*
 * The folder below a cgroup root that a cgroupsPath means: the path itself, or for systemd's form
 * "SLICE:PREFIX:NAME" the nested slices and the scope. Never the root itself or what is outside of
 * it: -EINVAL for that, for "." and ".." in a path, for control characters and for what is no
 * slice; -ENAMETOOLONG.
 */
int place_cgroup_path(const char *cgroups_path, char *ret_path, size_t size) _must_check_;

#endif
