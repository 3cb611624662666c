/* SPDX-License-Identifier: Apache-2.0 */
/* `wait`: until a container has ended; prints its exit status. */
#include <errno.h>

#include "cli/container.h"
#include "cli/verbs.h"

static int run_wait(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	_cleanup_task_ KataLike__Task__WaitResponse *response = NULL;
	KataLike__Task__WaitRequest request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	int r = container_open(cli, args[0], &container, err);

	(void)values;
	(void)n_args;
	if (r < 0)
		return r;
	if (container.status == CONTAINER_STOPPED) {
		(void)printf("%u\n", container.exit_record.status);
		return 0;
	}
	if (!container.client)
		return err_say(err, ESRCH, "container \"%s\" is %s", args[0],
			       container_status_name(container.status));
	request.id = args[0];
	r = task_wait(container.client, &request, &response, err);
	if (r < 0)
		return r;
	(void)printf("%u\n", response->exit_status);
	return 0;
}

const struct verb verb_wait = {
	.name = "wait",
	.arguments = "ID",
	.summary = "Wait until a container has ended and print its exit status",
	.min_args = 1,
	.max_args = 1,
	.run = run_wait,
};
