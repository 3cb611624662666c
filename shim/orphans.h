/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that outlive the helper which started them become children of the shim, so that none
 * gets away from it, and are reaped here when they end.
 */
#ifndef KATA_LIKE_SHIM_ORPHANS_H
#define KATA_LIKE_SHIM_ORPHANS_H

#include "lib/err.h"
#include "lib/loop.h"

/* From now on, for this process. The loop's own children stay the business of those who added them.
 */
int orphans_adopt(struct loop *loop, struct err *err) _must_check_;

#endif
