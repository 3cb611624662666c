/* SPDX-License-Identifier: Apache-2.0 */
/* `update`: other limits for a running container. */
#include <errno.h>
#include <string.h>

#include "cli/config.h"
#include "cli/container.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "oci/json.h"
#include "proto/task-api.h"

#define CPU_PERIOD_USEC 100000u
#define PIDS_MAX	4194304u
#define SHARES_MAX	262144u

struct update_options {
	const char *resources, *memory, *cpus, *shares, *cpuset, *pids;
};

static const struct option update_table[] = {
	OPTION_VALUE(struct update_options, resources, 'r', "resources", "FILE",
		     "an OCI \"linux.resources\" object; - for standard input"),
	OPTION_VALUE(struct update_options, memory, 'm', "memory", "SIZE", "limit of memory"),
	OPTION_VALUE(struct update_options, cpus, 0, "cpus", "N",
		     "limit of processor time, in processors (0.5)"),
	OPTION_VALUE(struct update_options, shares, 0, "cpu-share", "N",
		     "weight among containers (1024 is ordinary)"),
	OPTION_VALUE(struct update_options, cpuset, 0, "cpuset-cpus", "LIST",
		     "processors it may use (0-1,3)"),
	OPTION_VALUE(struct update_options, pids, 0, "pids-limit", "N", "limit of processes"),
};

static int set_number(struct json_object *resources, const char *group, const char *key,
		      uint64_t value, struct err *err)
{
	struct json_object *object;
	int r = config_object(resources, group, &object, err);

	if (r < 0)
		return r;
	r = json_add(object, key, json_object_new_uint64(value));
	return r < 0 ? err_set(err, -r, "update") : 0;
}

static int set_cpu(const struct update_options *options, struct json_object *resources,
		   struct err *err)
{
	struct json_object *cpu;
	uint64_t value;
	int r = 0;

	if (options->cpus) {
		r = value_cpus("--cpus", options->cpus, &value, err);
		if (r == 0)
			r = set_number(resources, "cpu", "period", CPU_PERIOD_USEC, err);
		if (r == 0)
			r = set_number(resources, "cpu", "quota", value * CPU_PERIOD_USEC / 1000,
				       err);
	}
	if (r == 0 && options->shares) {
		r = value_count("--cpu-share", options->shares, 2, SHARES_MAX, &value, err);
		if (r == 0)
			r = set_number(resources, "cpu", "shares", value, err);
	}
	if (r == 0 && options->cpuset) {
		r = config_object(resources, "cpu", &cpu, err);
		if (r == 0)
			r = config_set_string(cpu, "cpus", options->cpuset, err);
	}
	return r;
}

static int set_rest(const struct update_options *options, struct json_object *resources,
		    struct err *err)
{
	uint64_t value;
	int r = 0;

	if (options->memory) {
		r = value_size("--memory", options->memory, &value, err);
		if (r == 0)
			r = set_number(resources, "memory", "limit", value, err);
	}
	if (r == 0 && options->pids) {
		r = value_count("--pids-limit", options->pids, 1, PIDS_MAX, &value, err);
		if (r == 0)
			r = set_number(resources, "pids", "limit", value, err);
	}
	return r;
}

static int send_update(const struct cli *cli, char *id, struct json_object *resources,
		       struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	KataLike__Task__UpdateTaskRequest request = KATA_LIKE__TASK__UPDATE_TASK_REQUEST__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	const char *text = json_object_to_json_string_ext(resources, JSON_C_TO_STRING_PLAIN);
	int r = container_open_live(cli, id, &container, err);

	if (r < 0)
		return r;
	if (!text)
		return err_set(err, ENOMEM, "update");
	any.type_url = (char *)TASK_TYPE_RESOURCES;
	any.value.data = (uint8_t *)(uintptr_t)text;
	any.value.len = strlen(text);
	request.id = id;
	request.resources = &any;
	return task_update(container.client, &request, NULL, err);
}

static int run_update(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct update_options *options = values;
	struct json_object *resources = NULL;
	int r = 0;

	(void)n_args;
	if (options->resources)
		r = config_read_object(options->resources, &resources, err);
	else if (!(resources = json_object_new_object()))
		r = err_set(err, ENOMEM, "update");
	if (r == 0)
		r = set_cpu(options, resources, err);
	if (r == 0)
		r = set_rest(options, resources, err);
	if (r == 0 && json_object_object_length(resources) == 0)
		r = err_say(err, EINVAL,
			    "update: nothing to change; see `kata-like update --help`");
	if (r == 0)
		r = send_update(cli, args[0], resources, err);
	json_object_put(resources);
	return r;
}

const struct verb verb_update = {
	.name = "update",
	.arguments = "ID",
	.summary = "Change the limits of a running container",
	VERB_OPTIONS(struct update_options, update_table),
	.min_args = 1,
	.max_args = 1,
	.run = run_update,
};
