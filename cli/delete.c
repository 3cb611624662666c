/* SPDX-License-Identifier: Apache-2.0 */
/* `delete`: removes a container and its record. */
#include <errno.h>

#include "cli/container.h"
#include "cli/verbs.h"

#define ENDING_TRIES 3

struct delete_options {
	bool force;
};

static const struct option delete_table[] = {
	OPTION_FLAG(struct delete_options, force, 'f', "force",
		    "kill it first if it runs; no error if it does not exist"),
};

static int delete_once(const struct cli *cli, const struct delete_options *options, const char *id,
		       struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	struct ending ending;
	int r = container_open(cli, id, &container, err);

	if (r < 0 && !(options->force && container.client))
		return r;
	ending = container_ending(&container);
	if (options->force)
		return MIN(ending_force(&ending, err), 0);
	switch (container.status) {
	case CONTAINER_CREATING:
		return err_say(err, EBUSY,
			       "container \"%s\" is still being created; stop that, or use delete "
			       "--force",
			       id);
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		return err_say(err, EBUSY,
			       "container \"%s\" is %s; stop it first (kata-like kill %s), or use "
			       "delete --force",
			       id, container_status_name(container.status), id);
	default:
		return MIN(ending_remove(&ending, err), 0);
	}
}

static int run_delete(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct delete_options *options = values;
	struct err held = ERR_INIT;
	int r = delete_once(cli, options, args[0], err);

	(void)n_args;
	/* Its shim may just be leaving, seen out by the command that watched the container to its
	 * end. */
	for (int tries = 0; tries < ENDING_TRIES && (r == -ENOENT || r == -ECONNRESET); tries++) {
		if (ending_wait_for_other(cli->namespace, args[0], &held) < 0) {
			*err = held;
			return held.code;
		}
		r = delete_once(cli, options, args[0], err);
	}
	return r == -ENOENT && options->force ? 0 : r;
}

const struct verb verb_delete = {
	.name = "delete",
	.arguments = "ID",
	.summary = "Remove a container that has stopped, or died",
	VERB_OPTIONS(struct delete_options, delete_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_delete,
};
