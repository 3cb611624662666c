/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's figures, which are of cgroups of version 2, for a host whose clients expect
 * version 1. */
#ifndef KATA_LIKE_SHIM_TASK_METRICS_V1_H
#define KATA_LIKE_SHIM_TASK_METRICS_V1_H

#include <stdbool.h>

#include "agent.pb-c.h"
#include "common.pb-c.h"
#include "lib/err.h"

/* Whether containerd reads version 1 on this host: /sys/fs/cgroup is not of version 2. */
bool metrics_v1_wanted(void);

/*
 * Fills an Any; its value is the caller's to free. Every part that clients look into without a
 * check is there. 0 or -ENOMEM.
 */
int metrics_v1_pack(const KataLike__Agent__V1__StatsContainerResponse *stats,
		    KataLike__Any *ret_any) _must_check_;

#endif
