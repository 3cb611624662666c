/* SPDX-License-Identifier: Apache-2.0 */
/* `version`: ours and the specification's. */
#include "cli/verbs.h"

#ifndef KATA_LIKE_VERSION
#error "the build defines KATA_LIKE_VERSION"
#endif

static int run_version(const struct cli *cli, const void *values, char **args, size_t n_args,
		       struct err *err)
{
	(void)cli;
	(void)values;
	(void)args;
	(void)n_args;
	(void)err;
	(void)printf("kata-like version " KATA_LIKE_VERSION "\nspec: 1.2.0\n");
	return 0;
}

const struct verb verb_version = {
	.name = "version",
	.arguments = "",
	.summary = "Print the version",
	.run = run_version,
};
