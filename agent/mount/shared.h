/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that the host shares (proto/shared-folder.h). It is mounted when the first container
 * needs it, in the agent's own mount namespace, and so is each directory in it: all containers that
 * use one then see the same files, with the same locks and the same cached pages.
 */
#ifndef KATA_LIKE_AGENT_MOUNT_SHARED_H
#define KATA_LIKE_AGENT_MOUNT_SHARED_H

#include "lib/err.h"

#define SHARED_PATH_MAX 64

/*
 * Has what the host put under this name mounted. ret_path: where it is. -EINVAL for a name that is
 * no number, -ENOENT where there is none, -ENODEV when the VM has no such folder.
 */
int shared_use(const char *name, char ret_path[SHARED_PATH_MAX], struct err *err) _must_check_;

/* No container uses it any more: lets go of it and of all that is cached of it. */
int shared_release(const char *name, struct err *err) _must_check_;

#endif
