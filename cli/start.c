/* SPDX-License-Identifier: Apache-2.0 */
/* `start`: lets a created container run. */
#include "cli/attend.h"
#include "cli/container.h"
#include "cli/verbs.h"

static int run_start(const struct cli *cli, const void *values, char **args, size_t n_args,
		     struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	KataLike__Task__StartRequest request = KATA_LIKE__TASK__START_REQUEST__INIT;
	int r = container_open_live(cli, args[0], &container, err);

	(void)values;
	(void)n_args;
	request.id = args[0];
	if (r == 0)
		r = task_start(container.client, &request, NULL, err);
	return r < 0 ? r : attend_spawn(cli->namespace, args[0], false, err);
}

const struct verb verb_start = {
	.name = "start",
	.arguments = "ID",
	.summary = "Start a container that `create` made",
	.min_args = 1,
	.max_args = 1,
	.run = run_start,
};
