/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which namespaces a container gets: new ones, given ones, or the VM's.
 *
 * Inside a VM the paths of config.json name namespaces of the host, which do not exist here. A
 * network path, and the first container's own network, stand for the VM's network; pid, ipc and uts
 * paths for those of the pod's first container. On a host (the engine's test program) paths are
 * taken as they are.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_NAMESPACES_H
#define KATA_LIKE_AGENT_CONTAINER_NAMESPACES_H

#include <stdbool.h>
#include <sys/types.h>

#include "oci/spec.h"

/* The pod's shared namespaces, of its first container. -1 where there is none. */
struct namespaces_pod {
	bool in_guest;
	bool network_taken; /* the VM's network has gone to a container */
	int fds[OCI_NAMESPACE_N];
};

struct namespaces_plan {
	unsigned long new_flags;       /* CLONE_NEW*; a mount namespace is always among them */
	unsigned long joined_flags;    /* those of join_fds */
	int join_fds[OCI_NAMESPACE_N]; /* -1 for none */
};

/* Decides, and opens what is to be joined. -EINVAL, -ENOTSUP, or the -errno of a path. */
int namespaces_plan(struct namespaces_pod *pod, const struct oci_spec *spec,
		    struct namespaces_plan *ret_plan, struct err *err) _must_check_;
void namespaces_plan_fini(struct namespaces_plan *plan);

/* Keeps the namespaces of the pod's first container, whose init is pid, for those that follow. */
int namespaces_keep(struct namespaces_pod *pod, const struct namespaces_plan *plan, pid_t pid,
		    struct err *err) _must_check_;
void namespaces_forget(struct namespaces_pod *pod);

/* Joins, in the child, all that is to be joined but the pid namespace, which takes a fork. */
int namespaces_join(const struct namespaces_plan *plan, struct err *err) _must_check_;

/* Makes a time namespace with these offsets and enters it. */
int namespaces_new_time(const struct oci_linux *linux_, struct err *err) _must_check_;

/* Sets the loopback interface up. */
int namespaces_loopback_up(struct err *err) _must_check_;

/* The CLONE_NEW* flag of a kind. */
unsigned long namespaces_flag(enum oci_namespace_kind kind);

#endif
