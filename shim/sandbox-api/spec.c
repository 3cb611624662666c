/* SPDX-License-Identifier: Apache-2.0 */
/* A pod that has no container yet, in the words of one. */
#include "shim/sandbox-api/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>

#include "lib/fd.h"
#include "oci/json.h"

static void cleanup_json(json_object **object)
{
	json_object_put(*object);
}

static json_object *annotations_of(const KataLike__Sandbox__CreateSandboxRequest *request)
{
	json_object *annotations = json_object_new_object();

	for (size_t i = 0; annotations && i < request->n_annotations; i++) {
		if (json_add_text(annotations, request->annotations[i]->key,
				  request->annotations[i]->value) == 0)
			continue;
		json_object_put(annotations);
		return NULL;
	}
	return annotations;
}

/* {"namespaces": [{"type": "network", "path": …}]}; of a pod in the host's network an empty list.
 */
static json_object *linux_of(const KataLike__Sandbox__CreateSandboxRequest *request)
{
	json_object *part = json_object_new_object(), *list = json_object_new_array();
	json_object *network = json_object_new_object();

	if (!part || !list || !network || json_add_text(network, "type", "network") < 0 ||
	    json_add_text(network, "path", request->netns_path) < 0)
		goto failed;
	if (*request->netns_path) {
		if (json_object_array_add(list, network) < 0)
			goto failed;
		network = NULL;
	}
	json_object_put(network);
	if (json_add(part, "namespaces", list) == 0)
		return part;
	json_object_put(part);
	return NULL;
failed:
	json_object_put(part);
	json_object_put(list);
	json_object_put(network);
	return NULL;
}

static int make_spec(const KataLike__Sandbox__CreateSandboxRequest *request,
		     struct oci_spec **ret_spec, struct err *err)
{
	_cleanup_(cleanup_json) json_object *object = json_object_new_object();
	_cleanup_(cleanup_json) json_object *root = json_object_new_object();
	const char *text;

	if (!object || !root || json_add_text(object, "ociVersion", "1.0.2") < 0 ||
	    json_add_text(root, "path", "rootfs") < 0 ||
	    json_add(object, "root", json_object_get(root)) < 0 ||
	    json_add(object, "annotations", annotations_of(request)) < 0 ||
	    json_add(object, "linux", linux_of(request)) < 0)
		return err_set(err, ENOMEM, "cannot describe the sandbox");
	text = json_object_to_json_string(object);
	return oci_spec_parse(text, strlen(text), ret_spec, err);
}

int sandbox_spec(const KataLike__Sandbox__CreateSandboxRequest *request, struct oci_spec **ret_spec,
		 struct err *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t len;
	int r;

	if (asprintf(&path, "%s/config.json", request->bundle_path) < 0) {
		path = NULL;
		return err_set(err, ENOMEM, "cannot read config.json");
	}
	if (*request->bundle_path && access(path, F_OK) == 0) {
		r = file_read_regular(path, JSON_MAX_BYTES, &text, &len, err);
		return r < 0 ? r : oci_spec_parse(text, len, ret_spec, err);
	}
	return make_spec(request, ret_spec, err);
}
