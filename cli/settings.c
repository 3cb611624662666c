/* SPDX-License-Identifier: Apache-2.0 */
/* `config`: the configuration in force, and where each value came from. */
#include <errno.h>
#include <json-c/json.h>

#include "cli/config.h"
#include "cli/record.h"
#include "cli/verbs.h"
#include "lib/settings/print.h"

struct config_options {
	bool json;
};

static const struct option config_table[] = {
	OPTION_FLAG(struct config_options, json, 0, "json", "print it as JSON"),
};

/* What the files say, for a pod that would be made now. */
static int settings_now(struct json_object **ret_json, struct err *err)
{
	struct settings settings;
	int r = settings_load(NULL, &settings, err);

	if (r < 0)
		return r;
	*ret_json = settings_to_json(&settings);
	return *ret_json ? 0 : err_set(err, ENOMEM, "config");
}

/* What the shim wrote down when it made the pod's VM. */
static int settings_of(const struct cli *cli, const char *id, struct json_object **ret_json,
		       struct err *err)
{
	struct record record = RECORD_INIT;
	char path[PATHS_MAX];
	int r = record_open(cli->namespace, id, &record, err);

	if (r == 0)
		r = record_path(&record, "settings.json", path, err);
	if (r == 0)
		r = config_read_object(path, ret_json, err);
	if (r == -ENOENT)
		(void)err_hint(err, "only the container that has the machine has its settings, "
				    "while it lives");
	record_fini(&record);
	return r;
}

struct place {
	const char *name, *variable;
	char path[PATHS_MAX];
};

static int add_places(struct json_object *json, const struct place *places, size_t n)
{
	struct json_object *object = json_object_new_object();

	if (!object || json_object_object_add(json, "paths", object) < 0) {
		json_object_put(object);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const char *set = getenv(places[i].variable);
		struct json_object *place = json_object_new_object();

		if (!place || json_object_object_add(object, places[i].name, place) < 0) {
			json_object_put(place);
			return -ENOMEM;
		}
		if (json_object_object_add(place, "value", json_object_new_string(places[i].path)) <
			    0 ||
		    json_object_object_add(
			    place, "source",
			    json_object_new_string(set && *set ? "environment" : "default")) < 0 ||
		    json_object_object_add(place, "where",
					   json_object_new_string(places[i].variable)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void print_places(const struct place *places, size_t n)
{
	(void)printf("\n# The environment says where these are:\n");
	for (size_t i = 0; i < n; i++) {
		const char *set = getenv(places[i].variable);

		(void)printf("# %s = %s ; %s %s\n", places[i].name, places[i].path,
			     set && *set ? "environment" : "default, or", places[i].variable);
	}
}

static int print(struct json_object *json, bool as_json, struct err *err)
{
	struct place places[] = { { "state", "KATA_LIKE_STATE", "" },
				  { "cache", "KATA_LIKE_CACHE", "" } };
	int r = paths_state_root(places[0].path, err);

	if (r == 0)
		r = paths_cache("", places[1].path, err);
	if (r < 0)
		return r;
	if (!as_json) {
		settings_print(stdout, json);
		print_places(places, ARRAY_SIZE(places));
		return 0;
	}
	if (add_places(json, places, ARRAY_SIZE(places)) < 0)
		return err_set(err, ENOMEM, "config");
	(void)printf("%s\n",
		     json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}

static int run_config(const struct cli *cli, const void *values, char **args, size_t n_args,
		      struct err *err)
{
	const struct config_options *options = values;
	struct json_object *json = NULL;
	int r = n_args > 0 ? settings_of(cli, args[0], &json, err) : settings_now(&json, err);

	if (r == 0)
		r = print(json, options->json, err);
	json_object_put(json);
	return r;
}

const struct verb verb_config = {
	.name = "config",
	.arguments = "[ID]",
	.summary = "Print the configuration in force, and where each value came from",
	.details = "Without ID: what the files say, for machines made from now on. With ID: what\n"
		   "that container's machine was made from, options and annotations included.",
	VERB_OPTIONS(struct config_options, config_table),
	.max_args = 1,
	.run = run_config,
};
