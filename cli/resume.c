/* SPDX-License-Identifier: Apache-2.0 */
/* `resume`: let a paused container go on. */
#include "cli/container.h"
#include "cli/verbs.h"

static int run_resume(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	KataLike__Task__ResumeRequest request = KATA_LIKE__TASK__RESUME_REQUEST__INIT;
	int r = container_open_live(cli, args[0], &container, err);

	(void)values;
	(void)n_args;
	request.id = args[0];
	return r < 0 ? r : task_resume(container.client, &request, NULL, err);
}

const struct verb verb_resume = {
	.name = "resume",
	.arguments = "ID",
	.summary = "Let a paused container go on",
	.min_args = 1,
	.max_args = 1,
	.run = run_resume,
};
