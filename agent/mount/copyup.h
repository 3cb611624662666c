/* SPDX-License-Identifier: Apache-2.0 */
/* tmpcopyup: a tmpfs that starts with what it covers. */
#ifndef KATA_LIKE_AGENT_MOUNT_COPYUP_H
#define KATA_LIKE_AGENT_MOUNT_COPYUP_H

#include "lib/err.h"

/* Copies what the directory from_fd holds into the directory to_fd: files, directories and links.
 */
int copyup(int from_fd, int to_fd, struct err *err) _must_check_;

#endif
