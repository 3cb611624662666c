/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a container: read config.json, open its disks (building images where needed), boot
 * the VM if it is the pod's first, have the agent make it.
 */
#ifndef KATA_LIKE_SHIM_CREATION_H
#define KATA_LIKE_SHIM_CREATION_H

#include "shim/shim.h"
#include "task.pb-c.h"

/* container is NULL and err says why when it could not be made. Called once, maybe from within. */
typedef void creation_done_fn(void *ctx, struct container *container, const struct err *err);

/* Makes the container of a Create request. */
void creation_start(struct shim *shim, const KataLike__Task__CreateTaskRequest *request,
		    creation_done_fn *done, void *ctx);

/* Gives up those that have not come to the VM yet; the others fail as the VM is stopped. */
void creation_cancel_all(struct shim *shim);

#endif
