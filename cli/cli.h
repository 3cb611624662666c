/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every verb of the command line is made of: one file a verb, ending in one const struct verb,
 * which is listed in verbs.c. Help and option parsing come from the verb's option table.
 *
 * Exit statuses: 0 done; 1 failed, with one line on stderr; 2 the command line itself is wrong.
 * `run` and `exec` end with their command's status instead and keep 125 to 127 for themselves, as
 * exit-status.h tells.
 */
#ifndef KATA_LIKE_CLI_CLI_H
#define KATA_LIKE_CLI_CLI_H

#include "cli/options.h"
#include "lib/err.h"
#include "lib/log.h"

#define CLI_EXIT_FAILURE 1
#define CLI_EXIT_USAGE	 2

/* The options in front of the verb. */
struct cli {
	const char *namespace;
	bool debug; /* --log-level debug, handed on to the shim */
};

struct verb {
	const char *name;
	const char *arguments; /* what follows the options in the usage line: "ID [SIGNAL]" */
	const char *summary;   /* one line, for the list of verbs */
	const char *details;   /* further text for the verb's help, or NULL */
	const struct option *options;
	size_t n_options;
	size_t values_bytes; /* size of the struct that the options fill, handed to run() zeroed */
	size_t min_args, max_args;
	bool takes_command; /* options end at the first argument that is none */
	bool hidden;	    /* not in the list of verbs */
	/* The exit status, or -errno with err set, which the caller prints. */
	int (*run)(const struct cli *cli, const void *values, char **args, size_t n_args,
		   struct err *err);
};

#define VERB_ANY_ARGS SIZE_MAX
#define VERB_OPTIONS(t, table) \
	.options = (table), .n_options = ARRAY_SIZE(table), .values_bytes = sizeof(t)

extern const struct verb *const cli_verbs[];
extern const size_t cli_n_verbs;

/* Finds a verb; an unknown one is -EINVAL with what may have been meant. */
int cli_find_verb(const char *name, const struct verb **ret_verb, struct err *err) _must_check_;

/* Prints the list of verbs, or the help of one. */
void cli_print_help(FILE *out);
void cli_print_verb_help(FILE *out, const struct verb *verb);

/* Runs `kata-like ARGS…` (without the program's name) and returns its exit status. */
int cli_main(char **args, size_t n_args) _must_check_;

#endif
