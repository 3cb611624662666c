/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containerd's Task service over the shim: one table of methods under the names of v2 and v3; and a
 * small service of our own.
 */
#ifndef KATA_LIKE_SHIM_TASK_SERVICE_H
#define KATA_LIKE_SHIM_TASK_SERVICE_H

#include "shim/shim.h"

/* Adds the services to the shim's server. 0 or -errno. */
int task_service_register(struct shim *shim) _must_check_;

#endif
