/* SPDX-License-Identifier: Apache-2.0 */
/* `check`: whether this machine can run virtual machines. The VMM itself looks, as it knows best.
 */
#include <errno.h>

#include "cli/verbs.h"
#include "lib/paths.h"

struct check_options {
	bool json;
};

static const struct option check_table[] = {
	OPTION_FLAG(struct check_options, json, 0, "json", "print the findings as JSON"),
};

static int run_check(const struct cli *cli, const void *values, char **args, size_t n_args,
		     struct err *err)
{
	const struct check_options *options = values;
	char program[PATHS_MAX];
	int r = paths_program("kata-like-vmm", program, err);

	(void)cli;
	(void)args;
	(void)n_args;
	if (r < 0)
		return r;
	(void)execl(program, program, "--check", options->json ? "--json" : NULL, NULL);
	return err_set(err, errno, "cannot run %s", program);
}

const struct verb verb_check = {
	.name = "check",
	.arguments = "",
	.summary = "Say whether this machine can run virtual machines, and what it lacks",
	.details = "Ends with 0 when it can.",
	VERB_OPTIONS(struct check_options, check_table),
	.run = run_check,
};
