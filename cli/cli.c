/* SPDX-License-Identifier: Apache-2.0 */
/* The list of verbs, the options in front of them, and their dispatch. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/verbs.h"
#include "lib/paths.h"
#include "lib/text.h"

#define PROGRAM		  "kata-like"
#define NAMESPACE_DEFAULT "default"
#define MEANT_DISTANCE	  2

const struct verb *const cli_verbs[] = {
	&verb_run,    &verb_exec,    &verb_list,   &verb_state,	 &verb_ps,    &verb_logs,
	&verb_stats,  &verb_events,  &verb_kill,   &verb_wait,	 &verb_pause, &verb_resume,
	&verb_update, &verb_delete,  &verb_create, &verb_start,	 &verb_spec,  &verb_check,
	&verb_config, &verb_version, &verb_help,   &verb_attend,
};
const size_t cli_n_verbs = ARRAY_SIZE(cli_verbs);

struct global_options {
	const char *namespace, *root, *log, *log_format, *log_level;
	bool version;
};

static const struct option global_table[] = {
	OPTION_VALUE(struct global_options, namespace, 'n', "namespace", "NS",
		     "the namespace of containers (" NAMESPACE_DEFAULT ")"),
	OPTION_VALUE(struct global_options, root, 0, "root", "DIR",
		     "where state is kept (/run/kata-like, $KATA_LIKE_STATE)"),
	OPTION_VALUE(struct global_options, log_level, 0, "log-level", "LEVEL",
		     "error, warn, info or debug; debug also for the shim (warn)"),
	OPTION_VALUE(struct global_options, log, 0, "log", "FILE", "append messages to FILE"),
	OPTION_VALUE(struct global_options, log_format, 0, "log-format", "FORMAT",
		     "text or json (text)"),
	OPTION_FLAG(struct global_options, version, 'v', "version", "print the version"),
};

static const struct option_parse global_parse = { global_table, ARRAY_SIZE(global_table), true };

int cli_find_verb(const char *name, const struct verb **ret_verb, struct err *err)
{
	const char *meant = NULL;
	size_t nearest = MEANT_DISTANCE + 1;

	for (size_t i = 0; i < cli_n_verbs; i++) {
		size_t distance = options_word_distance(name, cli_verbs[i]->name);

		if (distance == 0) {
			*ret_verb = cli_verbs[i];
			return 0;
		}
		if (distance < nearest && !cli_verbs[i]->hidden) {
			nearest = distance;
			meant = cli_verbs[i]->name;
		}
	}
	(void)err_say(err, EINVAL, "unknown command \"%s\"", name);
	if (meant)
		return err_hint(err, "did you mean \"%s\"?", meant);
	return err_hint(err, "`" PROGRAM " help` lists them");
}

void cli_print_help(FILE *out)
{
	(void)fprintf(out,
		      "Usage: " PROGRAM " [OPTION...] COMMAND [ARGUMENT...]\n\n"
		      "Runs containers, each pod of them in a virtual machine with a kernel of its "
		      "own.\n\nCommands:\n");
	for (size_t i = 0; i < cli_n_verbs; i++)
		if (!cli_verbs[i]->hidden)
			(void)fprintf(out, "  %-10s %s\n", cli_verbs[i]->name,
				      cli_verbs[i]->summary);
	(void)fprintf(out, "\nOptions:\n");
	options_print_help(out, global_table, ARRAY_SIZE(global_table));
	(void)fprintf(out, "\n`" PROGRAM " COMMAND --help` tells more about a command.\n");
}

void cli_print_verb_help(FILE *out, const struct verb *verb)
{
	(void)fprintf(out, "Usage: " PROGRAM " %s [OPTION...]%s%s\n\n%s.\n", verb->name,
		      verb->arguments[0] ? " " : "", verb->arguments, verb->summary);
	if (verb->details)
		(void)fprintf(out, "\n%s\n", verb->details);
	(void)fprintf(out, "\nOptions:\n");
	options_print_help(out, verb->options, verb->n_options);
}

/* On stderr in any case; log_error() has written there already unless --log says otherwise. */
static void print_error(const char *log_path, const struct err *err)
{
	char clean[TEXT_CLEAN_MAX];

	log_error("%s", err_text(err));
	if (!log_path)
		return;
	/* What a guest has a part in may not command a terminal. */
	(void)fputs(PROGRAM ": ", stderr);
	for (const char *text = err_text(err); *text; text++) {
		(void)text_clean(*text, clean);
		(void)fputs(clean, stderr);
	}
	(void)fputs("\n", stderr);
}

static int usage_error(const struct verb *verb, const char *log_path, const struct err *err)
{
	print_error(log_path, err);
	(void)fprintf(stderr, "Try `" PROGRAM " %s%s--help`.\n", verb ? verb->name : "",
		      verb ? " " : "");
	return CLI_EXIT_USAGE;
}

static int check_count(const struct verb *verb, size_t n_args, struct err *err)
{
	if (n_args < verb->min_args)
		return err_say(err, EINVAL, "%s: something is missing: %s %s", verb->name,
			       verb->name, verb->arguments);
	if (n_args > verb->max_args)
		return err_say(err, EINVAL, "%s: too many arguments: %s %s", verb->name, verb->name,
			       verb->arguments);
	return 0;
}

static int run_verb(const struct cli *cli, const struct verb *verb, const char *log_path,
		    char **args, size_t n_args)
{
	const struct option_parse parse = { verb->options, verb->n_options, verb->takes_command };
	_cleanup_free_ void *values = calloc(1, verb->values_bytes ? verb->values_bytes : 1);
	struct err err = ERR_INIT;
	bool help;
	int r;

	if (!values) {
		(void)err_set(&err, ENOMEM, "%s", verb->name);
		print_error(log_path, &err);
		return CLI_EXIT_FAILURE;
	}
	r = options_parse(&parse, args, n_args, values, &n_args, &help, &err);
	if (r == 0 && !help)
		r = check_count(verb, n_args, &err);
	if (r < 0) {
		r = usage_error(verb, log_path, &err);
	} else if (help) {
		cli_print_verb_help(stdout, verb);
	} else {
		r = verb->run(cli, values, args, n_args, &err);
		if (r < 0) {
			print_error(log_path, &err);
			r = CLI_EXIT_FAILURE;
		}
	}
	options_free(verb->options, verb->n_options, values);
	return r;
}

static int choose_level(const char *name, enum log_level *ret_level, struct err *err)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },  { "warn", LOG_LEVEL_WARN },
		{ "warning", LOG_LEVEL_WARN }, { "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) != 0)
			continue;
		*ret_level = levels[i].level;
		return 0;
	}
	return err_say(err, EINVAL, "--log-level: \"%s\" is none of error, warn, info, debug",
		       name);
}

/* The log's descriptor stays open until the process ends. */
static int set_up_log(const struct global_options *options, struct cli *cli, struct err *err)
{
	enum log_level level = LOG_LEVEL_WARN;
	enum log_format format = LOG_FORMAT_TEXT;
	int fd = STDERR_FILENO;

	if (options->log_level) {
		int r = choose_level(options->log_level, &level, err);

		if (r < 0)
			return r;
	}
	cli->debug = level == LOG_LEVEL_DEBUG;
	if (options->log_format && !strcmp(options->log_format, "json"))
		format = LOG_FORMAT_JSON;
	else if (options->log_format && strcmp(options->log_format, "text") != 0)
		return err_say(err, EINVAL, "--log-format: \"%s\" is neither text nor json",
			       options->log_format);
	if (options->log) {
		fd = open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_set(err, errno, "--log %s", options->log);
	}
	log_init(PROGRAM, level, format, fd);
	return 0;
}

static int apply_globals(const struct global_options *options, struct cli *cli, struct err *err)
{
	_cleanup_free_ char *root = NULL;
	int r = set_up_log(options, cli, err);

	if (r < 0)
		return r;
	cli->namespace = options->namespace ? options->namespace : NAMESPACE_DEFAULT;
	r = paths_check_id("namespace", cli->namespace, err);
	if (r < 0 || !options->root)
		return r;
	/* By the environment, so that the shim we start sees it too. */
	if (options->root[0] == '/')
		root = strdup(options->root);
	else if (asprintf(&root, "%s/%s", getenv("PWD") ? getenv("PWD") : ".", options->root) < 0)
		root = NULL;
	if (!root || setenv("KATA_LIKE_STATE", root, 1) < 0)
		return err_set(err, ENOMEM, "--root");
	return 0;
}

int cli_main(char **args, size_t n_args)
{
	struct global_options options = { 0 };
	struct cli cli = { 0 };
	struct err err = ERR_INIT;
	const struct verb *verb;
	size_t rest;
	bool help;

	log_init(PROGRAM, LOG_LEVEL_WARN, LOG_FORMAT_TEXT, STDERR_FILENO);
	if (options_parse(&global_parse, args, n_args, &options, &rest, &help, &err) < 0 ||
	    apply_globals(&options, &cli, &err) < 0)
		return usage_error(NULL, NULL, &err);
	if (help) {
		cli_print_help(stdout);
		return 0;
	}
	if (options.version)
		return run_verb(&cli, &verb_version, options.log, args, 0);
	if (rest == 0) {
		cli_print_help(stderr);
		return CLI_EXIT_USAGE;
	}
	if (cli_find_verb(args[0], &verb, &err) < 0)
		return usage_error(NULL, options.log, &err);
	return run_verb(&cli, verb, options.log, args + 1, rest - 1);
}
