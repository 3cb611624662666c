/* SPDX-License-Identifier: Apache-2.0 */
/* `spec`: writes a config.json to start from. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cli/config.h"
#include "cli/spec-default.h"
#include "cli/verbs.h"
#include "lib/fd.h"

struct spec_options {
	const char *bundle;
};

static const struct option spec_table[] = {
	OPTION_VALUE(struct spec_options, bundle, 'b', "bundle", "DIR",
		     "where to write it (the current directory)"),
};

static int write_new(const char *bundle, struct json_object *config, struct err *err)
{
	const char *text = json_object_to_json_string_ext(
		config,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;
	int r;

	if (!text || asprintf(&path, "%s/config.json", bundle) < 0) {
		path = NULL;
		return err_set(err, ENOMEM, "spec");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST)
		return err_say(err, EEXIST, "%s exists already; remove it first", path);
	if (fd < 0)
		return err_set(err, errno, "cannot write %s", path);
	r = fd_write_full(fd, text, strlen(text));
	if (r == 0)
		r = fd_write_full(fd, "\n", 1);
	return r < 0 ? err_set(err, -r, "cannot write %s", path) : 0;
}

static int run_spec(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	const struct spec_options *options = values;
	struct process_options process_options = { .terminal = true };
	struct json_object *config, *process;
	int r = spec_default(&config, err);

	(void)cli;
	(void)args;
	(void)n_args;
	if (r < 0)
		return r;
	/* What people start from is a shell to look around with. */
	r = config_object(config, "process", &process, err);
	if (r == 0)
		r = process_apply(process, &process_options, "rootfs", err);
	if (r == 0)
		r = process_default_env(process, "TERM", "xterm", err);
	if (r == 0)
		r = write_new(options->bundle ? options->bundle : ".", config, err);
	json_object_put(config);
	return r;
}

const struct verb verb_spec = {
	.name = "spec",
	.arguments = "",
	.summary = "Write a config.json to start a bundle from",
	.details = "The bundle's root filesystem is expected in the folder rootfs beside it:\n"
		   "`kata-like run --bundle DIR` then runs it.",
	VERB_OPTIONS(struct spec_options, spec_table),
	.run = run_spec,
};
