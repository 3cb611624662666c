/* SPDX-License-Identifier: Apache-2.0 */
/* The stages that jail_enter() goes through, in this order. See jail.h for what each is for. */
#ifndef KATA_LIKE_VMM_JAIL_STAGES_H
#define KATA_LIKE_VMM_JAIL_STAGES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/*
 * An ordinary user's own user namespace, with the same user in it. *ret_made is false, with a
 * warning in the log, where the machine does not allow one.
 */
int stage_user_namespace(bool *ret_made, struct err *err) _must_check_;

/* Mount, network, IPC and UTS namespaces. */
int stage_namespaces(struct err *err) _must_check_;

/* An empty root. In a mount namespace of our own. */
int stage_root(struct err *err) _must_check_;

/*
 * No way to come by a capability: by execve, a set-user-id program or a change of user. privileged:
 * there are some, which take the bounding set away.
 */
int stage_no_gain(bool privileged, struct err *err) _must_check_;

/* Another user and group, without supplementary groups. */
int stage_user(uid_t user, struct err *err) _must_check_;

/* None left in any set. */
int stage_no_capabilities(struct err *err) _must_check_;

/* Of the process, for good. secret: nobody but root may look into it. */
int stage_limits(unsigned n_threads, uint64_t file_bytes, bool secret, struct err *err)
	_must_check_;

#endif
