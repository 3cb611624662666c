/* SPDX-License-Identifier: Apache-2.0 */
/* The container's /etc/resolv.conf. */
#ifndef KATA_LIKE_CLI_RESOLV_H
#define KATA_LIKE_CLI_RESOLV_H

#include "cli/record.h"

struct json_object;

/* What hands questions on with --net user (shim/net/user.h). */
#define NETWORK_USER_DNS "10.0.2.3"

/*
 * Mounts a resolv.conf into the container, unless config mounts one or the host has none: with the
 * servers of a CNI result's "dns" (may be NULL or without any), else with the one given (NULL:
 * none), else the host's.
 */
int resolv_add(const struct record *record, struct json_object *config, struct json_object *dns,
	       const char *server, struct err *err) _must_check_;

#endif
