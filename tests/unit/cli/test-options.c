/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: every way to write an option, and what is said about those that are none. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "cli/options.h"

struct values {
	bool tty, interactive;
	const char *name;
	struct option_list env;
};

static const struct option table[] = {
	OPTION_FLAG(struct values, tty, 't', "tty", "a flag"),
	OPTION_FLAG(struct values, interactive, 'i', "interactive", "a flag"),
	OPTION_VALUE(struct values, name, 'n', "name", "NAME", "a value"),
	OPTION_LIST(struct values, env, 'e', "env", "K=V", "a list"),
};

/* Parses the words of line; rest gets those that are left, joined by blanks. */
static int parse(const char *line, bool stop, struct values *values, char *rest, struct err *err)
{
	const struct option_parse how = { table, ARRAY_SIZE(table), stop };
	static char copy[256];
	char *args[32], *save = NULL;
	size_t n = 0, n_rest;
	bool help;
	int r;

	*values = (struct values){ 0 };
	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		args[n++] = word;
	r = options_parse(&how, args, n, values, &n_rest, &help, err);
	rest[0] = '\0';
	for (size_t i = 0; r == 0 && i < n_rest; i++)
		(void)sprintf(rest + strlen(rest), "%s%s", i ? " " : "", args[i]);
	return r < 0 ? r : help;
}

static void every_way_to_write_an_option_is_understood(void **state)
{
	static const char *const lines[] = {
		"-ti --name x --env a=b -e c=d",
		"-it -n x -ea=b --env=c=d",
		"--tty --interactive --name=x -e a=b -e c=d",
	};
	struct values values;
	char rest[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_int_equal(parse(lines[i], true, &values, rest, NULL), 0);
		assert_true(values.tty && values.interactive);
		assert_string_equal(values.name, "x");
		assert_int_equal(values.env.n, 2);
		assert_string_equal(values.env.items[0], "a=b");
		assert_string_equal(values.env.items[1], "c=d");
		assert_string_equal(rest, "");
		options_free(table, ARRAY_SIZE(table), &values);
	}
}

static void the_command_keeps_its_own_options(void **state)
{
	struct values values;
	char rest[256];

	(void)state;
	assert_int_equal(parse("-t sh -c -i -- x", true, &values, rest, NULL), 0);
	assert_false(values.interactive);
	assert_string_equal(rest, "sh -c -i -- x");
	assert_int_equal(parse("-t -- -i x", true, &values, rest, NULL), 0);
	assert_false(values.interactive);
	assert_string_equal(rest, "-i x");
}

static void options_may_follow_arguments_where_no_command_does(void **state)
{
	struct values values;
	char rest[256];

	(void)state;
	assert_int_equal(parse("id TERM -t", false, &values, rest, NULL), 0);
	assert_true(values.tty);
	assert_string_equal(rest, "id TERM");
}

static void an_unknown_option_is_refused_and_the_meant_one_named(void **state)
{
	struct values values;
	struct err err = ERR_INIT;
	char rest[256];

	(void)state;
	assert_int_equal(parse("--nmae x", true, &values, rest, &err), -EINVAL);
	assert_string_equal(err_text(&err), "unknown option --nmae; did you mean --name?");
	assert_int_equal(parse("--frobnicate", true, &values, rest, &err), -EINVAL);
	assert_string_equal(err_text(&err), "unknown option --frobnicate");
	assert_int_equal(parse("-tx", true, &values, rest, &err), -EINVAL);
	assert_string_equal(err_text(&err), "unknown option -x");
}

static void values_that_miss_or_exceed_are_refused(void **state)
{
	struct values values;
	struct err err = ERR_INIT;
	char rest[256];

	(void)state;
	assert_int_equal(parse("--name", true, &values, rest, &err), -EINVAL);
	assert_string_equal(err_text(&err), "option --name needs a value: NAME");
	assert_int_equal(parse("--tty=yes", true, &values, rest, &err), -EINVAL);
	assert_string_equal(err_text(&err), "option --tty takes no value");
}

static void help_is_an_option_of_every_table(void **state)
{
	struct values values;
	char rest[256];

	(void)state;
	assert_int_equal(parse("--help", true, &values, rest, NULL), 1);
	assert_int_equal(parse("-th", true, &values, rest, NULL), 1);
}

static void distance_counts_changed_letters(void **state)
{
	(void)state;
	assert_int_equal(options_word_distance("run", "run"), 0);
	assert_int_equal(options_word_distance("rn", "run"), 1);
	assert_int_equal(options_word_distance("lsit", "list"), 2);
	assert_int_equal(options_word_distance("", "list"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_write_an_option_is_understood),
		cmocka_unit_test(the_command_keeps_its_own_options),
		cmocka_unit_test(options_may_follow_arguments_where_no_command_does),
		cmocka_unit_test(an_unknown_option_is_refused_and_the_meant_one_named),
		cmocka_unit_test(values_that_miss_or_exceed_are_refused),
		cmocka_unit_test(help_is_an_option_of_every_table),
		cmocka_unit_test(distance_counts_changed_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
