/* SPDX-License-Identifier: Apache-2.0 */
/* `create`: a container from a bundle, ready for `start`. */
#include <errno.h>

#include "cli/launch.h"
#include "cli/verbs.h"

struct create_options {
	const char *bundle;
	struct launch_options launch;
};

static const struct option create_table[] = {
	OPTION_VALUE(struct create_options, bundle, 'b', "bundle", "DIR",
		     "an OCI bundle (the current directory)"),
	LAUNCH_OPTION_ROWS(struct create_options, launch),
};

static int create_from(const struct cli *cli, const char *id, const struct launch_options *options,
		       struct json_object *config, struct err *err)
{
	_cleanup_launch_ struct launch launch = LAUNCH_INIT;
	char uri[PATHS_MAX + 8] = "file://";
	struct launch_streams streams = { .in = "", .out = uri, .err = "" };
	struct json_object *process;
	int r = config_object(config, "process", &process, err);

	if (r == 0)
		r = launch_begin(&launch, cli, id, options, err);
	if (r < 0)
		return r;
	streams.terminal = process_terminal(process);
	if (!streams.terminal)
		streams.err = uri;
	r = record_path(&launch.record, "output.log", uri + sizeof("file://") - 1, err);
	if (r == 0)
		r = launch_write_config(&launch, config, err);
	if (r == 0)
		r = launch_create(&launch, &streams, err);
	if (r < 0)
		launch_undo(&launch, err_text(err));
	return r;
}

static int run_create(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct create_options *options = values;
	_cleanup_free_ char *bundle = realpath(options->bundle ? options->bundle : ".", NULL);
	struct json_object *config = NULL;
	int r;

	(void)n_args;
	if (!bundle)
		return err_set(err, errno, "--bundle %s", options->bundle);
	r = options->launch.pod ? 0 : launch_check_kvm(err);
	if (r == 0)
		r = config_load(bundle, &config, err);
	if (r == 0)
		r = launch_annotate(&options->launch, config, err);
	if (r == 0)
		r = create_from(cli, args[0], &options->launch, config, err);
	json_object_put(config);
	return r;
}

const struct verb verb_create = {
	.name = "create",
	.arguments = "ID",
	.summary = "Make a container from a bundle without starting it",
	.details = "Its output goes to `kata-like logs --output`; `kata-like start` starts it.",
	VERB_OPTIONS(struct create_options, create_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_create,
};
