/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the values of config.json, most of which have cgroup v1's meaning, to what cgroup v2's files
 * take. Pure functions, with the formulas of the OCI runtimes.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_CGROUP_CONVERT_H
#define KATA_LIKE_AGENT_CONTAINER_CGROUP_CONVERT_H

#include "oci/spec.h"

/* Where a value goes: "cpu.max" gets "50000 100000". */
struct cgroup_setting {
	char file[64];
	char value[128];
};

/* cpu.shares (2 to 262144, 1024 usual) to cpu.weight (1 to 10000, 100 usual). 0 stays 0. */
uint64_t cgroup_weight_from_shares(uint64_t shares);

/* blkio.weight (10 to 1000) to io.weight (1 to 10000). 0 stays 0. */
uint64_t cgroup_io_weight_from_blkio(uint64_t weight);

/*
 * The settings for these resources, in the order in which they are to be written. cpuset and
 * unified values are passed through in full by the caller, since they have no bound. -EINVAL for
 * what cannot be had in cgroup v2 (a swap limit below the memory limit, real-time scheduling).
 */
#define CGROUP_SETTINGS_MAX 24
int cgroup_convert(const struct oci_resources *resources,
		   struct cgroup_setting settings[CGROUP_SETTINGS_MAX], size_t *ret_n,
		   struct err *err) _must_check_;

/* Whether they give somebody more of a disk than others. */
bool cgroup_weighs_disks(const struct oci_resources *resources);

#endif
