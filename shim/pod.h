/* SPDX-License-Identifier: Apache-2.0 */
/* Which pod a container belongs to, by the annotations of those who group them. */
#ifndef KATA_LIKE_SHIM_POD_H
#define KATA_LIKE_SHIM_POD_H

#include <stddef.h>

#include "lib/err.h"

/*
 * The sandbox of the container `id` whose bundle is there (a path; "." for the working directory):
 * the pod's, or the container's own id. -EINVAL when the pod's id is not one.
 */
int pod_find(const char *bundle, const char *id, char *ret_sandbox_id, size_t size, struct err *err)
	_must_check_;

#endif
