/* SPDX-License-Identifier: Apache-2.0 */
/* The VM as a machine: its clock, entropy, CPUs and disks. */
#ifndef KATA_LIKE_AGENT_MACHINE_H
#define KATA_LIKE_AGENT_MACHINE_H

#include <stdint.h>

#include "lib/err.h"

/* Sets the clock to the host's. */
int machine_set_clock(int64_t seconds, int32_t nanos, struct err *err) _must_check_;

/* Brings it back to the host's: slowly, or at once where it is far off. */
int machine_follow_clock(int64_t seconds, int32_t nanos, struct err *err) _must_check_;

/* Adds bytes to the kernel's entropy pool, and credits it with them. */
int machine_add_entropy(const void *bytes, size_t len, struct err *err) _must_check_;

/* Brings CPUs up until count are online. One that is not there is an error. */
int machine_set_cpus_online(uint32_t count, struct err *err) _must_check_;

/*
 * Has the kernel share out each disk by the weights in io.weight, which costs every request a
 * little: for when somebody has a weight ("cgroup-v2.rst", "IO").
 */
int machine_weigh_disks(struct err *err) _must_check_;

#endif
