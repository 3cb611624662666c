/* SPDX-License-Identifier: Apache-2.0 */
/* Masked and read-only paths of config.json. */
#ifndef KATA_LIKE_AGENT_MOUNT_MASKED_H
#define KATA_LIKE_AGENT_MOUNT_MASKED_H

#include "oci/spec.h"

/* Covers each path, a file with /dev/null, a directory with an empty tmpfs. What is missing is
 * fine. */
int masked_cover(int root_fd, const struct oci_strings *paths, struct err *err) _must_check_;

/* Makes each path read-only with all below it. What is missing is fine. */
int masked_make_read_only(int root_fd, const struct oci_strings *paths, struct err *err)
	_must_check_;

#endif
