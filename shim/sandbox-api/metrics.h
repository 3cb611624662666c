/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod uses of the host, as its cgroup there counts it. */
#ifndef KATA_LIKE_SHIM_SANDBOX_API_METRICS_H
#define KATA_LIKE_SHIM_SANDBOX_API_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/*
 * Reads a cgroup (of version 2) into a packed io.containerd.cgroups.v2.Metrics, the caller's. What
 * the host does not count is 0. -ENOENT when the cgroup is not there.
 */
int metrics_of_cgroup(const char *cgroup, uint8_t **ret_packed, size_t *ret_len, struct err *err)
	_must_check_;

#endif
