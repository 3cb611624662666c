/* SPDX-License-Identifier: Apache-2.0 */
/* A container's state as JSON. */
#include "oci/state.h"

static int add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return 0;
	json_object_put(value);
	return -1;
}

static struct json_object *describe_annotations(const struct oci_spec *spec)
{
	struct json_object *annotations = json_object_new_object();
	int r = annotations ? 0 : -1;

	for (size_t i = 0; r == 0 && i < spec->annotations.n; i++)
		r = add(annotations, spec->annotations.list[i].key,
			json_object_new_string(spec->annotations.list[i].value));
	if (r == 0)
		return annotations;
	json_object_put(annotations);
	return NULL;
}

struct json_object *oci_state_describe(const struct oci_spec *spec, const struct oci_state *state)
{
	struct json_object *object = json_object_new_object();
	int r = object ? 0 : -1;

	r = r ? r : add(object, "ociVersion", json_object_new_string(spec->version));
	r = r ? r : add(object, "id", json_object_new_string(state->id));
	r = r ? r : add(object, "status", json_object_new_string(state->status));
	if (r == 0 && state->pid > 0)
		r = add(object, "pid", json_object_new_int(state->pid));
	r = r ? r : add(object, "bundle", json_object_new_string(state->bundle));
	r = r ? r : add(object, "annotations", describe_annotations(spec));
	if (r == 0)
		return object;
	json_object_put(object);
	return NULL;
}
