/* SPDX-License-Identifier: Apache-2.0 */
/* A process's user: ids, groups, and the home directory of an id. */
#ifndef KATA_LIKE_AGENT_CONTAINER_USER_H
#define KATA_LIKE_AGENT_CONTAINER_USER_H

#include "oci/spec.h"

/* Sets groups, gid, uid and umask, keeping the permitted capabilities. 0 or -errno. */
int user_apply(const struct oci_user *user, struct err *err) _must_check_;

/* The home directory that passwd text gives uid, or "/". Allocated, NULL without memory. */
char *user_home_in(const char *passwd, uint32_t uid) _must_check_;

/* The same from /etc/passwd of the root that the caller is in. */
char *user_home(uint32_t uid) _must_check_;

/* An id of a container as the VM knows it, by these mappings (none: the same). -ENOENT: not mapped.
 */
int user_map_id(const struct oci_id_mapping *mappings, size_t n, uint32_t id, uint32_t *ret_id)
	_must_check_;

#endif
