/* SPDX-License-Identifier: Apache-2.0 */
/* Users by name: looked up in the container's own /etc/passwd and /etc/group. */
#ifndef KATA_LIKE_CLI_USER_H
#define KATA_LIKE_CLI_USER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define USER_GROUPS_MAX 64

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX]; /* additional ones */
	size_t n_groups;
	char home[256]; /* "/" where passwd does not know the user */
};

/*
 * Finds USER or USER:GROUP, each a name or a number, in the root filesystem at root_path. Links in
 * it are followed inside it only. A number that passwd does not know is taken as it is. -ENOENT for
 * an unknown name, -EINVAL.
 */
int user_find(const char *root_path, const char *text, struct user *ret_user, struct err *err)
	_must_check_;

#endif
