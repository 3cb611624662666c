/* SPDX-License-Identifier: Apache-2.0 */
/* The top level of config.json, and what its parts' readers have in common. */
#include "oci/spec.h"

#include <errno.h>
#include <string.h>

#include "oci/parts.h"

int oci_get_int(const struct json_node *node, const char *key, int64_t min, int64_t max,
		struct oci_int *ret)
{
	int r = json_get_int(node, key, JSON_OPTIONAL, min, max, &ret->value);

	if (r > 0)
		ret->set = true;
	return r < 0 ? r : 0;
}

int oci_get_uint(const struct json_node *node, const char *key, uint64_t max, struct oci_uint *ret)
{
	int r = json_get_uint(node, key, JSON_OPTIONAL, max, &ret->value);

	if (r > 0)
		ret->set = true;
	return r < 0 ? r : 0;
}

int oci_get_strings(const struct json_node *node, const char *key, struct oci_strings *ret)
{
	int r = json_get_strings(node, key, JSON_OPTIONAL, &ret->list, &ret->n);

	return r < 0 ? r : 0;
}

int oci_get_pairs(const struct json_node *node, const char *key, struct oci_pairs *ret)
{
	int r = json_get_pairs(node, key, JSON_OPTIONAL, &ret->list, &ret->n);

	return r < 0 ? r : 0;
}

struct part {
	size_t out_bytes;
	json_object_fn *fn;
	void *out;
};

static int read_part(const struct json_node *node, void *out)
{
	struct part *part = out;

	part->out = arena_alloc(node->reader->arena, 1, part->out_bytes);
	if (!part->out)
		return err_set(node->reader->err, ENOMEM, "%s", node->reader->file);
	return part->fn(node, part->out);
}

int oci_get_part(const struct json_node *node, const char *key, size_t out_bytes,
		 json_object_fn *fn, void *ret_out)
{
	struct part part = { .out_bytes = out_bytes, .fn = fn };
	int r = json_get_object(node, key, JSON_OPTIONAL, read_part, &part);

	if (r > 0)
		*(void **)ret_out = part.out;
	return r < 0 ? r : 0;
}

static int read_root(const struct json_node *node, void *out)
{
	struct oci_spec *spec = out;
	int r = json_get_string(node, "path", JSON_REQUIRED, &spec->root_path);

	if (r >= 0)
		r = json_get_bool(node, "readonly", JSON_OPTIONAL, &spec->root_readonly);
	if (r >= 0 && spec->root_path[0] == '\0')
		return json_fail_member(node, "path", "must not be empty");
	return r;
}

static int read_version(const struct json_node *node, struct oci_spec *spec)
{
	int r = json_get_string(node, "ociVersion", JSON_REQUIRED, &spec->version);

	if (r >= 0 && strncmp(spec->version, "1.", 2) != 0)
		return json_fail_member(node, "ociVersion", "is \"%.32s\"; only version 1 is known",
					spec->version);
	return r;
}

static int read_mounts(const struct json_node *node, struct oci_spec *spec)
{
	void *mounts = NULL;
	int r = json_get_array(node, "mounts", JSON_OPTIONAL, sizeof(struct oci_mount),
			       oci_read_mount, &mounts, &spec->n_mounts);

	spec->mounts = mounts;
	return r;
}

static int read_spec(const struct json_node *node, struct oci_spec *spec)
{
	int r = json_expect(node, json_type_object);

	if (r < 0)
		return r;
	r = read_version(node, spec);
	if (r >= 0)
		r = json_get_object(node, "root", JSON_REQUIRED, read_root, spec);
	if (r >= 0)
		r = oci_get_part(node, "process", sizeof(*spec->process), oci_read_process,
				 &spec->process);
	if (r >= 0)
		r = json_get_string(node, "hostname", JSON_OPTIONAL, &spec->hostname);
	if (r >= 0)
		r = json_get_string(node, "domainname", JSON_OPTIONAL, &spec->domainname);
	if (r >= 0)
		r = read_mounts(node, spec);
	if (r >= 0)
		r = json_get_object(node, "hooks", JSON_OPTIONAL, oci_read_hooks, &spec->hooks);
	if (r >= 0)
		r = oci_get_pairs(node, "annotations", &spec->annotations);
	if (r >= 0)
		r = json_get_object(node, "linux", JSON_OPTIONAL, oci_read_linux, &spec->linux_);
	return r < 0 ? r : 0;
}

int oci_spec_parse(const char *text, size_t len, struct oci_spec **ret_spec, struct err *err)
{
	_cleanup_oci_spec_ struct oci_spec *spec = calloc(1, sizeof(*spec));
	struct json_reader reader = { .file = "config.json", .err = err };
	struct json_node top = { .reader = &reader };
	int r;

	if (!spec)
		return err_set(err, ENOMEM, "config.json");
	reader.arena = &spec->arena;
	r = json_parse(reader.file, text, len, &top.value, err);
	if (r < 0)
		return r;
	r = read_spec(&top, spec);
	json_object_put(top.value);
	if (r < 0)
		return r;
	*ret_spec = TAKE_PTR(spec);
	return 0;
}

void oci_spec_free(struct oci_spec *spec)
{
	if (!spec)
		return;
	arena_fini(&spec->arena);
	free(spec);
}

/* Parses a text that is one object. */
static int parse_object(const char *file, const char *text, size_t len, json_object_fn *fn,
			void *out, struct arena *arena, struct err *err)
{
	struct json_reader reader = { .file = file, .arena = arena, .err = err };
	struct json_node top = { .reader = &reader };
	int r = json_parse(file, text, len, &top.value, err);

	if (r < 0)
		return r;
	r = json_expect(&top, json_type_object);
	if (r == 0)
		r = fn(&top, out);
	json_object_put(top.value);
	return r < 0 ? r : 0;
}

int oci_process_parse(const char *text, size_t len, struct oci_process_doc **ret_process,
		      struct err *err)
{
	struct oci_process_doc *doc = calloc(1, sizeof(*doc));
	int r;

	if (!doc)
		return err_set(err, ENOMEM, "process");
	r = parse_object("process", text, len, oci_read_process, &doc->process, &doc->arena, err);
	if (r < 0) {
		oci_process_free(doc);
		return r;
	}
	*ret_process = doc;
	return 0;
}

void oci_process_free(struct oci_process_doc *process)
{
	if (!process)
		return;
	arena_fini(&process->arena);
	free(process);
}

int oci_resources_parse(const char *text, size_t len, struct oci_resources_doc **ret_resources,
			struct err *err)
{
	struct oci_resources_doc *doc = calloc(1, sizeof(*doc));
	int r;

	if (!doc)
		return err_set(err, ENOMEM, "resources");
	r = parse_object("resources", text, len, oci_read_resources, &doc->resources, &doc->arena,
			 err);
	if (r < 0) {
		oci_resources_free(doc);
		return r;
	}
	*ret_resources = doc;
	return 0;
}

void oci_resources_free(struct oci_resources_doc *resources)
{
	if (!resources)
		return;
	arena_fini(&resources->arena);
	free(resources);
}

const char *oci_spec_annotation(const struct oci_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->annotations.n; i++) {
		if (strcmp(spec->annotations.list[i].key, key) == 0)
			return spec->annotations.list[i].value;
	}
	return NULL;
}
