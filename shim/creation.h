/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a container: read config.json, open its disks (building images where needed), boot
 * the VM if it is the pod's first, have the agent make it.
 */
#ifndef KATA_LIKE_SHIM_CREATION_H
#define KATA_LIKE_SHIM_CREATION_H

#include "lib/settings/settings.h"
#include "shim/shim.h"
#include "task.pb-c.h"

/* container is NULL and err says why when it could not be made. Called once, maybe from within. */
typedef void creation_done_fn(void *ctx, struct container *container, const struct err *err);

/* Makes the container of a Create request. */
void creation_start(struct shim *shim, const KataLike__Task__CreateTaskRequest *request,
		    creation_done_fn *done, void *ctx);

/*
 * Boots the VM of a pod that has no container yet; sandbox_api_booted() is told. What the settings
 * say is only read now.
 */
int creation_boot_sandbox(struct shim *shim, const struct settings *settings, struct err *err)
	_must_check_;

/* Gives that up while the VM's template is still being made; it then counts as failed. */
void creation_cancel_boot(struct shim *shim);

/* Gives up those that have not come to the VM yet; the others fail as the VM is stopped. */
void creation_cancel_all(struct shim *shim);

#endif
