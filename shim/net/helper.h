/* SPDX-License-Identifier: Apache-2.0 */
/* The program that makes a VM's network without privileges, as a child process. */
#ifndef KATA_LIKE_SHIM_NET_HELPER_H
#define KATA_LIKE_SHIM_NET_HELPER_H

#include "lib/loop.h"

struct helper;

/*
 * Starts argv[0], a path, in the folder dir (NULL: ours) with one inherited descriptor (the
 * caller's, or -1). It dies with the shim; when it ends by itself, that is logged.
 */
int helper_start(struct loop *loop, char *const argv[], const char *dir, int fd,
		 struct helper **ret_helper, struct err *err) _must_check_;
/* Whether it still runs; -EIO with what it said when it ended. */
int helper_check(const struct helper *helper, struct err *err) _must_check_;
/* Ends it if it still runs. NULL is fine. */
void helper_free(struct helper *helper);

#endif
