/* SPDX-License-Identifier: Apache-2.0 */
/* What the shim says about itself: -info for containerd, -v for people. */
#ifndef KATA_LIKE_SHIM_INFO_H
#define KATA_LIKE_SHIM_INFO_H

#include "lib/err.h"

/* Prints a containerd.types.RuntimeInfo. */
int info_print(struct err *err) _must_check_;
void info_print_version(void);

#endif
