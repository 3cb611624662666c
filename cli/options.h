/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a command line by a table: each row fills one field of a struct and documents itself,
 * so the help cannot differ from what is parsed. Understood are --name, --name VALUE, --name=VALUE,
 * -n, -n VALUE, -nVALUE, several letters behind one dash, and -- as the end of the options.
 */
#ifndef KATA_LIKE_CLI_OPTIONS_H
#define KATA_LIKE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

enum option_kind {
	OPTION_FLAG,  /* bool */
	OPTION_VALUE, /* const char *, the last one given counts; NULL when not given */
	OPTION_LIST,  /* struct option_list, in the order given */
};

/* items borrows the texts from argv; the array is released by options_free(). */
struct option_list {
	const char **items;
	size_t n;
};

struct option {
	enum option_kind kind;
	char letter; /* 0 for none */
	const char *name;
	const char *value; /* what the help calls the value; NULL for a flag */
	const char *help;
	size_t offset; /* of the field */
};

#define OPTION_FLAG(t, field, letter, name, help)                         \
	{                                                                 \
		OPTION_FLAG, letter, name, NULL, help, offsetof(t, field) \
	}
#define OPTION_VALUE(t, field, letter, name, value, help)                   \
	{                                                                   \
		OPTION_VALUE, letter, name, value, help, offsetof(t, field) \
	}
#define OPTION_LIST(t, field, letter, name, value, help)                   \
	{                                                                  \
		OPTION_LIST, letter, name, value, help, offsetof(t, field) \
	}

struct option_parse {
	const struct option *table;
	size_t n_table;
	bool stop_at_first; /* the first argument that is no option ends them */
};

/*
 * Parses args, filling the struct at values; the arguments that are no options are moved to the
 * front of args, *ret_rest of them. --help and -h are understood in each table and set *ret_help.
 * -EINVAL with a text that names the option, and the one that may have been meant. values needs
 * options_free() in every case.
 */
int options_parse(const struct option_parse *parse, char **args, size_t n_args, void *values,
		  size_t *ret_rest, bool *ret_help, struct err *err) _must_check_;
void options_free(const struct option *table, size_t n_table, void *values);

/* One aligned line an option. */
void options_print_help(FILE *out, const struct option *table, size_t n_table);

/* How many letters must change to make one word of the other: what was meant is near. */
size_t options_word_distance(const char *a, const char *b);

#endif
