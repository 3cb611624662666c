/* SPDX-License-Identifier: Apache-2.0 */
/* A container's state as hooks and seccomp listeners are told it (runtime-spec 1.2, "State"). */
#ifndef KATA_LIKE_OCI_STATE_H
#define KATA_LIKE_OCI_STATE_H

#include <sys/types.h>

#include "oci/spec.h"

struct oci_state {
	const char *id, *status, *bundle;
	pid_t pid; /* 0 for none: a stopped container */
};

/* The state as a new object, the caller's. NULL when there is no memory. */
struct json_object *oci_state_describe(const struct oci_spec *spec, const struct oci_state *state);

#endif
