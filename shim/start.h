/* SPDX-License-Identifier: Apache-2.0 */
/* The action `start`: makes the daemon of a pod, or finds the one that is there. */
#ifndef KATA_LIKE_SHIM_START_H
#define KATA_LIKE_SHIM_START_H

#include "lib/err.h"
#include "shim/options.h"

/*
 * Run in the bundle's folder. Prints the daemon's address on stdout and returns 0 in the caller's
 * process; the daemon itself does not return.
 */
int start_run(const struct options *options, struct err *err) _must_check_;

#endif
