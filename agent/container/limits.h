/* SPDX-License-Identifier: Apache-2.0 */
/* What a process may use and how it is scheduled: rlimits, scheduler, priorities, affinity. */
#ifndef KATA_LIKE_AGENT_CONTAINER_LIMITS_H
#define KATA_LIKE_AGENT_CONTAINER_LIMITS_H

#include <sched.h>

#include "oci/spec.h"

/* "0-3,7" as a set. -EINVAL; -ERANGE for a CPU beyond CPU_SETSIZE. */
int limits_parse_cpus(const char *text, cpu_set_t *ret_set) _must_check_;

/* Writes /proc/self/oom_score_adj: before the mount namespace is left. 0 or -errno. */
int limits_set_oom_score(const struct oci_process *process, struct err *err) _must_check_;

/*
 * Raises what is below the hard limits that are asked for, and nothing else: that takes the VM's
 * own CAP_SYS_RESOURCE, which a process in a user namespace has not.
 */
int limits_make_room(const struct oci_process *process, struct err *err) _must_check_;

/* All the others, of the calling process, which still has its capabilities. */
int limits_apply(const struct oci_process *process, struct err *err) _must_check_;

#endif
