/* SPDX-License-Identifier: Apache-2.0 */
/* Capability sets by name, and setting all five of a process. */
#ifndef KATA_LIKE_AGENT_CONTAINER_CAPABILITIES_H
#define KATA_LIKE_AGENT_CONTAINER_CAPABILITIES_H

#include "oci/spec.h"

/* "CAP_NET_RAW" (any case, the prefix may lack) to its number, or -EINVAL. */
int capability_number(const char *name) _must_check_;

/* The set as bits. Names that this kernel or program does not know are left out, as runc does. */
uint64_t capability_set(const struct oci_strings *names);

/* Gives up what is not in the bounding set. Needs CAP_SETPCAP. 0 or -errno. */
int capabilities_bound(const struct oci_capabilities *sets) _must_check_;

/*
 * Sets permitted, effective, inheritable and ambient. keep is added to permitted and effective, for
 * what has still to be done. 0 or -errno.
 */
int capabilities_apply(const struct oci_capabilities *sets, uint64_t keep) _must_check_;

#endif
