/* SPDX-License-Identifier: Apache-2.0 */
/* Named network namespaces, as `ip netns` makes them. */
#ifndef KATA_LIKE_CLI_NETNS_H
#define KATA_LIKE_CLI_NETNS_H

#include "lib/err.h"

/* Where the namespace of a container is, into a buffer of PATHS_MAX. */
void netns_path(const char *namespace, const char *id, char *ret_path);

/* Makes one at the path. -EEXIST. */
int netns_make(const char *path, struct err *err) _must_check_;
/* Removes it; 0 also when there is none. */
int netns_remove(const char *path, struct err *err) _must_check_;

#endif
