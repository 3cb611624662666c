/* SPDX-License-Identifier: Apache-2.0 */
/* `kill`: a signal to a container. */
#include <errno.h>
#include <signal.h>

#include "cli/container.h"
#include "cli/values.h"
#include "cli/verbs.h"

struct kill_options {
	bool all;
};

static const struct option kill_table[] = {
	OPTION_FLAG(struct kill_options, all, 'a', "all", "signal every process of the container"),
};

static int run_kill(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	const struct kill_options *options = values;
	_cleanup_container_ struct container container = CONTAINER_INIT;
	KataLike__Task__KillRequest request = KATA_LIKE__TASK__KILL_REQUEST__INIT;
	int r;

	request.signal = SIGTERM;
	r = n_args > 1 ? value_signal(args[1], &request.signal, err) : 0;
	if (r == 0)
		r = container_open_live(cli, args[0], &container, err);
	if (r < 0)
		return r;
	request.id = args[0];
	request.all = options->all;
	r = task_kill(container.client, &request, NULL, err);
	/* The words that callers of OCI runtimes look for. */
	if (r == -ENOENT)
		return err_push(err, "container not running");
	return r;
}

const struct verb verb_kill = {
	.name = "kill",
	.arguments = "ID [SIGNAL]",
	.summary = "Send a signal (TERM) to a container's first process",
	VERB_OPTIONS(struct kill_options, kill_table),
	.min_args = 1,
	.max_args = 2,
	.run = run_kill,
};
