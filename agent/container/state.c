/* SPDX-License-Identifier: Apache-2.0 */
/* A container's state as JSON. */
#include "agent/container/state.h"

#include <unistd.h>

struct json_object *state_describe(const struct oci_spec *spec, const char *container_id,
				   const char *status)
{
	struct json_object *state = json_object_new_object();
	struct json_object *annotations = json_object_new_object();

	json_object_object_add(state, "ociVersion", json_object_new_string(spec->version));
	json_object_object_add(state, "id", json_object_new_string(container_id));
	json_object_object_add(state, "status", json_object_new_string(status));
	json_object_object_add(state, "pid", json_object_new_int(getpid()));
	json_object_object_add(state, "bundle", json_object_new_string("/"));
	for (size_t i = 0; i < spec->annotations.n; i++)
		json_object_object_add(annotations, spec->annotations.list[i].key,
				       json_object_new_string(spec->annotations.list[i].value));
	json_object_object_add(state, "annotations", annotations);
	return state;
}
