/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks that run in the guest: createContainer and startContainer. */
#ifndef KATA_LIKE_AGENT_CONTAINER_HOOKS_H
#define KATA_LIKE_AGENT_CONTAINER_HOOKS_H

#include "oci/spec.h"

/* Runs each of the list with the container's state as JSON on its stdin; the first that fails ends
 * it. */
int hooks_run(const struct oci_hook_list *hooks, const char *kind, const struct oci_spec *spec,
	      const char *container_id, const char *status, struct err *err) _must_check_;

#endif
