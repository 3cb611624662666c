/* SPDX-License-Identifier: Apache-2.0 */
/* `wait`: until a container has ended; prints its exit status. */
#include <errno.h>

#include "cli/container.h"
#include "cli/verbs.h"

static int wait_once(const struct cli *cli, char *id, uint32_t *ret_status, struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	_cleanup_task_ KataLike__Task__WaitResponse *response = NULL;
	KataLike__Task__WaitRequest request = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	int r = container_open(cli, id, &container, err);

	if (r < 0)
		return r;
	if (container.status == CONTAINER_STOPPED) {
		*ret_status = container.exit_record.status;
		return 0;
	}
	if (!container.client)
		return err_say(err, ESRCH, "container \"%s\" is %s", id,
			       container_status_name(container.status));
	request.id = id;
	r = task_wait(container.client, &request, &response, err);
	if (r < 0)
		return r;
	*ret_status = response->exit_status;
	return 0;
}

static int run_wait(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	uint32_t status = 0;
	int r = wait_once(cli, args[0], &status, err);

	(void)values;
	(void)n_args;
	/* It may have ended, and its shim with it, between our looking and our asking. */
	if (r == -ECONNRESET)
		r = wait_once(cli, args[0], &status, err);
	if (r < 0)
		return r;
	(void)printf("%u\n", status);
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
