/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that a container has when nothing else is said. */
#ifndef KATA_LIKE_CLI_SPEC_DEFAULT_H
#define KATA_LIKE_CLI_SPEC_DEFAULT_H

#include <json-c/json_object.h>

#include "lib/err.h"

/*
 * A new config.json (runtime-spec 1.2) for a shell in `rootfs`: the capabilities, mounts, masked
 * and read-only paths that container engines agree on. There is no network namespace in it: the
 * network is the virtual machine's own. The caller's, to be released with json_object_put().
 */
int spec_default(struct json_object **ret_config, struct err *err) _must_check_;

#endif
