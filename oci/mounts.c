/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts and hooks of config.json (runtime-spec 1.2, "Mounts", "POSIX-platform Hooks"). */
#include <errno.h>
#include <string.h>

#include "oci/parts.h"

static int read_id_mapping(const struct json_node *node, void *element)
{
	struct oci_id_mapping *mapping = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_u32(node, "containerID", JSON_REQUIRED, &mapping->container_id);
	if (r >= 0)
		r = json_get_u32(node, "hostID", JSON_REQUIRED, &mapping->host_id);
	if (r >= 0)
		r = json_get_u32(node, "size", JSON_REQUIRED, &mapping->size);
	if (r >= 0 && mapping->size == 0)
		return json_fail_member(node, "size", "must not be 0");
	return r;
}

int oci_get_id_mappings(const struct json_node *node, const char *key, struct oci_id_mapping **ret,
			size_t *ret_n)
{
	void *mappings = NULL;
	int r = json_get_array(node, key, JSON_OPTIONAL, sizeof(struct oci_id_mapping),
			       read_id_mapping, &mappings, ret_n);

	*ret = mappings;
	return r < 0 ? r : 0;
}

int oci_read_mount(const struct json_node *node, void *element)
{
	struct oci_mount *mount = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_string(node, "destination", JSON_REQUIRED, &mount->destination);
	if (r >= 0)
		r = json_get_string(node, "type", JSON_OPTIONAL, &mount->type);
	if (r >= 0)
		r = json_get_string(node, "source", JSON_OPTIONAL, &mount->source);
	if (r >= 0)
		r = oci_get_strings(node, "options", &mount->options);
	if (r >= 0)
		r = oci_get_id_mappings(node, "uidMappings", &mount->uid_mappings,
					&mount->n_uid_mappings);
	if (r >= 0)
		r = oci_get_id_mappings(node, "gidMappings", &mount->gid_mappings,
					&mount->n_gid_mappings);
	if (r >= 0 && mount->destination[0] == '\0')
		return json_fail_member(node, "destination", "must not be empty");
	if (r >= 0 && (mount->n_uid_mappings == 0) != (mount->n_gid_mappings == 0))
		return json_fail(node, "needs both uidMappings and gidMappings, or neither");
	return r;
}

static int read_hook(const struct json_node *node, void *element)
{
	struct oci_hook *hook = element;
	int r = json_expect(node, json_type_object);

	if (r >= 0)
		r = json_get_string(node, "path", JSON_REQUIRED, &hook->path);
	if (r >= 0)
		r = oci_get_strings(node, "args", &hook->args);
	if (r >= 0)
		r = oci_get_strings(node, "env", &hook->env);
	if (r >= 0)
		r = oci_get_int(node, "timeout", 1, INT32_MAX, &hook->timeout);
	if (r >= 0 && hook->path[0] != '/')
		return json_fail_member(node, "path", "must be an absolute path, is \"%.64s\"",
					hook->path);
	return r;
}

static int read_hook_list(const struct json_node *node, const char *key, struct oci_hook_list *ret)
{
	void *hooks = NULL;
	int r = json_get_array(node, key, JSON_OPTIONAL, sizeof(struct oci_hook), read_hook, &hooks,
			       &ret->n);

	ret->list = hooks;
	return r;
}

int oci_read_hooks(const struct json_node *node, void *out)
{
	struct oci_hooks *hooks = out;
	int r = read_hook_list(node, "prestart", &hooks->prestart);

	if (r >= 0)
		r = read_hook_list(node, "createRuntime", &hooks->create_runtime);
	if (r >= 0)
		r = read_hook_list(node, "createContainer", &hooks->create_container);
	if (r >= 0)
		r = read_hook_list(node, "startContainer", &hooks->start_container);
	if (r >= 0)
		r = read_hook_list(node, "poststart", &hooks->poststart);
	if (r >= 0)
		r = read_hook_list(node, "poststop", &hooks->poststop);
	return r;
}
