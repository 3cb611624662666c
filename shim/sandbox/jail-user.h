/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user id for each sandbox's VMM, so that one that was taken over can do nothing to another:
 * neither signal it, nor look into it, nor use up what Linux allots to a user.
 *
 * The ids in use are locks on bytes of one file of the machine's. A lock ends with the shim that
 * holds it, however that ends; the VMM does not outlive it.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_JAIL_USER_H
#define KATA_LIKE_SHIM_SANDBOX_JAIL_USER_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/err.h"

#define JAIL_USER_FILE "/run/kata-like.users"

/*
 * Takes an id out of those from first on, count of them: the same one for the same sandbox, as long
 * as no other has it. file is made where it is missing. *ret_lock_fd holds it, the caller's;
 * closing it gives the id back. -EBUSY: all are taken.
 */
int jail_user_take(const char *file, const char *sandbox_id, uid_t first, uint32_t count,
		   uid_t *ret_user, int *ret_lock_fd, struct err *err) _must_check_;

#endif
