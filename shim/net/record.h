/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the shim changed in the pod's network namespace, written down in the file `network` of the
 * sandbox's folder before it is done, so that `delete` can undo it when the shim is dead.
 */
#ifndef KATA_LIKE_SHIM_NET_RECORD_H
#define KATA_LIKE_SHIM_NET_RECORD_H

#include "shim/net/model.h"
#include "shim/state.h"

/* Replaces the record; without joints it is removed. */
int net_record_write(const struct state *state, const char *netns_path,
		     const struct joint *const *joints, size_t n, struct err *err) _must_check_;

/*
 * Undoes what the record says, if there is one, and removes it. The VM is gone by then. A namespace
 * that is gone has taken everything with it.
 */
int net_record_undo(const struct state *state, struct err *err) _must_check_;

#endif
