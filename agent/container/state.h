/* SPDX-License-Identifier: Apache-2.0 */
/* A container's state as hooks and seccomp listeners are told it (runtime-spec 1.2, "State"). */
#ifndef KATA_LIKE_AGENT_CONTAINER_STATE_H
#define KATA_LIKE_AGENT_CONTAINER_STATE_H

#include "oci/spec.h"

/*
 * The state of the container that the caller is a process of, as a new object, the caller's. pid is
 * the caller's own. NULL when there is no memory.
 */
struct json_object *state_describe(const struct oci_spec *spec, const char *container_id,
				   const char *status);

#endif
