/* SPDX-License-Identifier: Apache-2.0 */
/* Attending a detached container: a small process that waits for its end and puts it away. */
#ifndef KATA_LIKE_CLI_ATTEND_H
#define KATA_LIKE_CLI_ATTEND_H

#include <stdbool.h>

#include "lib/err.h"

/*
 * Starts `kata-like attend ID` in a session of its own. With remove, the container's record goes
 * when it has ended; otherwise it is kept.
 */
int attend_spawn(const char *namespace, const char *id, bool remove, struct err *err) _must_check_;

#endif
