/* SPDX-License-Identifier: Apache-2.0 */
/* From a failure to an exit status. */
#include "cli/exit-status.h"

#include <errno.h>

int exit_status_of_failure(enum exit_stage stage, const struct err *err, int noted_signal)
{
	if (err->code == -EINTR && noted_signal)
		return 128 + noted_signal;
	if (stage == EXIT_STAGE_START && err->code == -ENOENT)
		return EXIT_STATUS_NOT_FOUND;
	if (stage == EXIT_STAGE_START && err->code == -EACCES)
		return EXIT_STATUS_NOT_EXECUTABLE;
	return EXIT_STATUS_OURS;
}
