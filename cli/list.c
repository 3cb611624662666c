/* SPDX-License-Identifier: Apache-2.0 */
/* `list`: the containers of a namespace. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/container.h"
#include "cli/verbs.h"
#include "oci/json.h"
#include "proto/task-api.h"

struct list_options {
	const char *format;
	bool json, quiet;
};

static const struct option list_table[] = {
	OPTION_FLAG(struct list_options, json, 0, "json", "print a JSON array"),
	OPTION_VALUE(struct list_options, format, 'f', "format", "FORMAT", "table or json (table)"),
	OPTION_FLAG(struct list_options, quiet, 'q', "quiet", "print ids only"),
};

static void format_created(const struct container *container, char *ret_text, size_t size)
{
	struct stat st;
	struct tm tm;

	ret_text[0] = '\0';
	if (stat(container->bundle, &st) == 0 && gmtime_r(&st.st_mtime, &tm))
		(void)strftime(ret_text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int add_json(struct json_object *array, const struct container *container,
		    const char *created)
{
	struct json_object *object = json_object_new_object();
	int r = object ? json_object_array_add(array, object) : -1;

	if (r < 0) {
		json_object_put(object);
		return -ENOMEM;
	}
	r |= json_add_text(object, "id", container->record.id);
	r |= json_object_object_add(object, "pid", json_object_new_int64(container->pid));
	r |= json_add_text(object, "status", container_status_name(container->status));
	r |= json_add_text(object, "bundle", container->bundle);
	r |= json_add_text(object, "created", created);
	if (container->status == CONTAINER_STOPPED)
		r |= json_object_object_add(object, "exitStatus",
					    json_object_new_int64(container->exit_record.status));
	return r ? -ENOMEM : 0;
}

static void print_row(const struct container *container, const char *created)
{
	char status[32];

	if (container->status == CONTAINER_STOPPED)
		(void)snprintf(status, sizeof(status), "stopped (%u)",
			       container->exit_record.status);
	else
		(void)snprintf(status, sizeof(status), "%s",
			       container_status_name(container->status));
	(void)printf("%-24s %-8u %-14s %-21s %s\n", container->record.id, container->pid, status,
		     created, container->bundle);
}

/* A container that goes away while we look is no error. */
static int list_one(const struct cli *cli, const struct list_options *options, const char *id,
		    struct json_object *array, struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	char created[32];
	int r;

	if (options->quiet) {
		(void)printf("%s\n", id);
		return 0;
	}
	r = container_open(cli, id, &container, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		log_warn("container %s: %s", id, err_text(err));
		return 0;
	}
	format_created(&container, created, sizeof(created));
	if (array)
		return add_json(array, &container, created) < 0 ? err_set(err, ENOMEM, "list") : 0;
	print_row(&container, created);
	return 0;
}

static int run_list(const struct cli *cli, const void *values, char **args, size_t n_args,
		    struct err *err)
{
	struct list_options options = *(const struct list_options *)values;
	struct json_object *array = NULL;
	char **ids = NULL;
	size_t n = 0;
	int r;

	(void)args;
	(void)n_args;
	if (options.format && strcmp(options.format, "json") != 0 &&
	    strcmp(options.format, "table") != 0)
		return err_say(err, EINVAL, "--format: \"%s\" is neither table nor json",
			       options.format);
	if (options.json || (options.format && !strcmp(options.format, "json")))
		array = json_object_new_array();
	r = record_list(cli->namespace, &ids, &n, err);
	if (r == 0 && !array && !options.quiet)
		(void)printf("%-24s %-8s %-14s %-21s %s\n", "ID", "PID", "STATUS", "CREATED",
			     "BUNDLE");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = list_one(cli, &options, ids[i], array, err);
	if (r == 0 && array)
		(void)printf("%s\n", json_object_to_json_string_ext(
					     array, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	record_list_free(ids);
	json_object_put(array);
	return r;
}

const struct verb verb_list = {
	.name = "list",
	.arguments = "",
	.summary = "List containers",
	.details = "A container is creating, created, running, paused, stopped (with its exit "
		   "status)\n"
		   "or dead: its daemon died, and `kata-like delete` cleans up after it.",
	VERB_OPTIONS(struct list_options, list_table),
	.run = run_list,
};
