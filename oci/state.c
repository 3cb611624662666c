/* SPDX-License-Identifier: Apache-2.0 */
/* A container's state as JSON. */
#include "oci/state.h"

#include "oci/json.h"

static struct json_object *describe_annotations(const struct oci_spec *spec)
{
	struct json_object *annotations = json_object_new_object();
	int r = annotations ? 0 : -1;

	for (size_t i = 0; r == 0 && i < spec->annotations.n; i++)
		r = json_add_text(annotations, spec->annotations.list[i].key,
				  spec->annotations.list[i].value);
	if (r == 0)
		return annotations;
	json_object_put(annotations);
	return NULL;
}

struct json_object *oci_state_describe(const struct oci_spec *spec, const struct oci_state *state)
{
	struct json_object *object = json_object_new_object();
	int r = object ? 0 : -1;

	r = r ? r : json_add_text(object, "ociVersion", spec->version);
	r = r ? r : json_add_text(object, "id", state->id);
	r = r ? r : json_add_text(object, "status", state->status);
	if (r == 0 && state->pid > 0)
		r = json_add(object, "pid", json_object_new_int(state->pid));
	r = r ? r : json_add_text(object, "bundle", state->bundle);
	r = r ? r : json_add(object, "annotations", describe_annotations(spec));
	if (r == 0)
		return object;
	json_object_put(object);
	return NULL;
}
