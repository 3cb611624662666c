/* SPDX-License-Identifier: Apache-2.0 */
/* `state`: one container's state as the runtime specification defines it. */
#include <errno.h>

#include "cli/container.h"
#include "cli/verbs.h"
#include "oci/json.h"

/* The specification knows no "dead"; such a container has certainly stopped. */
static const char *specified_status(enum container_status status)
{
	return container_status_name(status == CONTAINER_DEAD ? CONTAINER_STOPPED : status);
}

static int add_annotations(struct json_object *object, const struct container *container)
{
	struct json_object *config = NULL, *annotations;
	int r = 0;

	if (container_config(container, &config, NULL) < 0)
		return 0;
	annotations = json_object_object_get(config, "annotations");
	if (json_object_get_type(annotations) == json_type_object)
		r = json_object_object_add(object, "annotations", json_object_get(annotations));
	json_object_put(config);
	return r;
}

static int run_state(const struct cli *cli, const void *values, char **args, size_t n_args,
		     struct err *err)
{
	_cleanup_container_ struct container container = CONTAINER_INIT;
	struct json_object *object;
	int r = container_open(cli, args[0], &container, err);

	(void)values;
	(void)n_args;
	if (r < 0)
		return r;
	object = json_object_new_object();
	r = object ? json_add_text(object, "ociVersion", "1.2.0") : -1;
	r = r ? r : json_add_text(object, "id", container.record.id);
	r = r ? r : json_add_text(object, "status", specified_status(container.status));
	r = r ? r : json_object_object_add(object, "pid", json_object_new_int64(container.pid));
	r = r ? r : json_add_text(object, "bundle", container.bundle);
	r = r ? r : add_annotations(object, &container);
	if (r == 0)
		(void)printf("%s\n", json_object_to_json_string_ext(
					     object, JSON_C_TO_STRING_PRETTY |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return r ? err_set(err, ENOMEM, "state of %s", args[0]) : 0;
}

const struct verb verb_state = {
	.name = "state",
	.arguments = "ID",
	.summary = "Print a container's state as JSON",
	.min_args = 1,
	.max_args = 1,
	.run = run_state,
};
