/* SPDX-License-Identifier: Apache-2.0 */
/* `help`: the list of commands, or one command's help. */
#include "cli/verbs.h"

static int run_help(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	const struct verb *verb;
	int r;

	(void)cli;
	(void)values;
	if (n_args == 0) {
		cli_print_help(stdout);
		return 0;
	}
	r = cli_find_verb(args[0], &verb, err);
	if (r < 0)
		return r;
	cli_print_verb_help(stdout, verb);
	return 0;
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[COMMAND]",
	.summary = "Print help",
	.max_args = 1,
	.run = run_help,
};
