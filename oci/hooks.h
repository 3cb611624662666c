/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the hooks of one stage (runtime-spec 1.2, "POSIX-platform Hooks"), wherever the caller is.
 */
#ifndef KATA_LIKE_OCI_HOOKS_H
#define KATA_LIKE_OCI_HOOKS_H

#include "oci/state.h"

/*
 * Runs each of the list in its order, with the container's state as JSON on its stdin and no other
 * environment than its own; what it writes is kept for the error, which names the stage and the
 * hook. The first that fails ends it. Blocks until they have ended: not for an event loop.
 */
int oci_hooks_run(const struct oci_hook_list *hooks, const char *stage, const struct oci_spec *spec,
		  const struct oci_state *state, struct err *err) _must_check_;

#endif
