/* SPDX-License-Identifier: Apache-2.0 */
/* The action `delete`: cleans up after a shim that died. */
#ifndef KATA_LIKE_SHIM_DELETE_H
#define KATA_LIKE_SHIM_DELETE_H

#include "lib/err.h"
#include "shim/options.h"

/*
 * Ends the VM and removes the socket and the folder of a sandbox whose shim is dead, and prints a
 * DeleteResponse. Can be called at any time and any number of times: nothing of a living shim's is
 * touched, and an id without a folder (a member of a pod, or one that was deleted) is no error.
 */
int delete_run(const struct options *options, struct err *err) _must_check_;

#endif
