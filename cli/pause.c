/* SPDX-License-Identifier: Apache-2.0 */
/* `pause`: stop all processes of a container where they are. */
#include "cli/container.h"
#include "cli/verbs.h"

static int run_pause(const struct cli *cli, const void *values, char **args, size_t n_args,
		     struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	KataLike__Task__PauseRequest request = KATA_LIKE__TASK__PAUSE_REQUEST__INIT;
	int r = container_open_live(cli, args[0], &container, err);

	(void)values;
	(void)n_args;
	request.id = args[0];
	return r < 0 ? r : task_pause(container.client, &request, NULL, err);
}

const struct verb verb_pause = {
	.name = "pause",
	.arguments = "ID",
	.summary = "Stop all processes of a container where they are",
	.min_args = 1,
	.max_args = 1,
	.run = run_pause,
};
