/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statuses that `run` and `exec` end with, as other container engines have them:
 *
 *	0 to 255	the command's own; 128 + n when signal n ended it
 *	125		kata-like failed before the command ran, or lost the sandbox
 *	126		the command is there but cannot be executed
 *	127		the command is not there
 *	128 + n		signal n stopped kata-like before the command ran
 */
#ifndef KATA_LIKE_CLI_EXIT_STATUS_H
#define KATA_LIKE_CLI_EXIT_STATUS_H

#include "lib/err.h"

#define EXIT_STATUS_OURS	   125
#define EXIT_STATUS_NOT_EXECUTABLE 126
#define EXIT_STATUS_NOT_FOUND	   127

enum exit_stage {
	EXIT_STAGE_PREPARE, /* up to Create: the command was not yet looked for */
	EXIT_STAGE_START,   /* Start, of a container or of an exec: the agent's execve */
};

/*
 * The status for a failure. In the start stage the agent's code decides: -ENOENT (NOT_FOUND) and
 * -EACCES (PERMISSION_DENIED) come from looking for and executing the command. noted_signal: the
 * signal that stopped us, 0 for none.
 */
int exit_status_of_failure(enum exit_stage stage, const struct err *err, int noted_signal);

#endif
