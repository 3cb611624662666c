/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables: parsing and help. */
#include "cli/options.h"

#include <errno.h>
#include <string.h>

#define HELP_COLUMN 30
#define WORD_MAX    32

/* Words further apart than this are not taken for one another. */
#define MEANT_DISTANCE 2

struct cursor {
	char **args;
	size_t n, at;
	void *values;
	struct err *err;
};

size_t options_word_distance(const char *a, const char *b)
{
	size_t len_a = strlen(a), len_b = strlen(b);
	size_t row[WORD_MAX + 1];

	if (len_a > WORD_MAX || len_b > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= len_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= len_a; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len_b; j++) {
			size_t changed = diagonal + (a[i - 1] != b[j - 1]);
			size_t shorter = MIN(row[j], row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = MIN(changed, shorter);
		}
	}
	return row[len_b];
}

static const struct option *find_name(const struct option_parse *parse, const char *name,
				      size_t len)
{
	for (size_t i = 0; i < parse->n_table; i++)
		if (strlen(parse->table[i].name) == len &&
		    !strncmp(parse->table[i].name, name, len))
			return &parse->table[i];
	return NULL;
}

static const struct option *find_letter(const struct option_parse *parse, char letter)
{
	for (size_t i = 0; i < parse->n_table; i++)
		if (parse->table[i].letter == letter)
			return &parse->table[i];
	return NULL;
}

static int unknown_option(const struct option_parse *parse, const char *name, size_t len,
			  struct err *err)
{
	char word[WORD_MAX + 1];
	const char *meant = NULL;
	size_t nearest = MEANT_DISTANCE + 1;

	(void)err_say(err, EINVAL, "unknown option --%.*s", (int)len, name);
	if (len <= WORD_MAX) {
		(void)snprintf(word, sizeof(word), "%.*s", (int)len, name);
		for (size_t i = 0; i < parse->n_table; i++) {
			size_t distance = options_word_distance(word, parse->table[i].name);

			if (distance < nearest) {
				nearest = distance;
				meant = parse->table[i].name;
			}
		}
	}
	return meant ? err_hint(err, "did you mean --%s?", meant) : -EINVAL;
}

static int store_value(struct cursor *cursor, const struct option *option, const char *value)
{
	void *field = (char *)cursor->values + option->offset;
	struct option_list *list = field;
	const char **items;

	if (option->kind == OPTION_VALUE) {
		*(const char **)field = value;
		return 0;
	}
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return err_set(cursor->err, ENOMEM, "option --%s", option->name);
	items[list->n++] = value;
	list->items = items;
	return 0;
}

/* value: what is attached to the option, NULL when nothing is. */
static int take_option(struct cursor *cursor, const struct option *option, const char *value)
{
	if (option->kind == OPTION_FLAG) {
		if (value)
			return err_say(cursor->err, EINVAL, "option --%s takes no value",
				       option->name);
		*(bool *)((char *)cursor->values + option->offset) = true;
		return 0;
	}
	if (!value) {
		if (cursor->at == cursor->n)
			return err_say(cursor->err, EINVAL, "option --%s needs a value: %s",
				       option->name, option->value);
		value = cursor->args[cursor->at++];
	}
	return store_value(cursor, option, value);
}

static int take_long(const struct option_parse *parse, struct cursor *cursor, const char *name,
		     bool *ret_help)
{
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option *option = find_name(parse, name, len);

	if (option)
		return take_option(cursor, option, equals ? equals + 1 : NULL);
	if (!strcmp(name, "help")) {
		*ret_help = true;
		return 0;
	}
	return unknown_option(parse, name, len, cursor->err);
}

static int take_letters(const struct option_parse *parse, struct cursor *cursor,
			const char *letters, bool *ret_help)
{
	for (const char *p = letters; *p; p++) {
		const struct option *option = find_letter(parse, *p);
		int r;

		if (!option && *p == 'h') {
			*ret_help = true;
			continue;
		}
		if (!option)
			return err_say(cursor->err, EINVAL, "unknown option -%c", *p);
		if (option->kind != OPTION_FLAG)
			return take_option(cursor, option, p[1] ? p + 1 : NULL);
		r = take_option(cursor, option, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(const struct option_parse *parse, char **args, size_t n_args, void *values,
		  size_t *ret_rest, bool *ret_help, struct err *err)
{
	struct cursor cursor = { args, n_args, 0, values, err };
	size_t rest = 0;

	*ret_help = false;
	while (cursor.at < n_args) {
		char *arg = args[cursor.at++];
		int r;

		if (!strcmp(arg, "--"))
			break;
		if (arg[0] != '-' || !arg[1]) {
			args[rest++] = arg;
			if (parse->stop_at_first)
				break;
			continue;
		}
		if (arg[1] == '-')
			r = take_long(parse, &cursor, arg + 2, ret_help);
		else
			r = take_letters(parse, &cursor, arg + 1, ret_help);
		if (r < 0)
			return r;
	}
	while (cursor.at < n_args)
		args[rest++] = args[cursor.at++];
	*ret_rest = rest;
	return 0;
}

void options_free(const struct option *table, size_t n_table, void *values)
{
	for (size_t i = 0; i < n_table; i++) {
		struct option_list *list = (void *)((char *)values + table[i].offset);

		if (table[i].kind != OPTION_LIST)
			continue;
		free(list->items);
		*list = (struct option_list){ 0 };
	}
}

static void print_row(FILE *out, const struct option *option)
{
	char left[128];
	char letter[8] = "    ";

	if (option->letter)
		(void)snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	(void)snprintf(left, sizeof(left), "  %s--%s%s%s", letter, option->name,
		       option->value ? " " : "", option->value ? option->value : "");
	if (strlen(left) >= HELP_COLUMN)
		(void)fprintf(out, "%s\n%*s", left, HELP_COLUMN, "");
	else
		(void)fprintf(out, "%-*s", HELP_COLUMN, left);
	for (const char *p = option->help; *p; p++) {
		(void)fputc(*p, out);
		if (*p == '\n')
			(void)fprintf(out, "%*s", HELP_COLUMN, "");
	}
	(void)fputc('\n', out);
}

void options_print_help(FILE *out, const struct option *table, size_t n_table)
{
	static const struct option help = { OPTION_FLAG, 'h', "help", NULL, "print this text", 0 };

	for (size_t i = 0; i < n_table; i++)
		print_row(out, &table[i]);
	print_row(out, &help);
}
