/* SPDX-License-Identifier: Apache-2.0 */
/* Typed access to JSON whose errors name the place. */
#include "oci/json.h"

#include <errno.h>
#include <json-c/json_tokener.h>
#include <stdarg.h>
#include <string.h>

#define JSON_DEPTH_MAX 32
#define JSON_PATH_MAX  256

static void tokener_cleanup(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

/*
 * Where "\u0000" stands in a text, or NULL. json-c cuts a name there, so that we would read
 * another one than whoever looked at the text before us, and may have let it pass.
 */
static const char *find_nul(const char *text, size_t len)
{
	static const char escape[] = "\\u0000";
	const char *end = text + len;

	for (const char *p = text; (p = memmem(p, (size_t)(end - p), escape, strlen(escape)));
	     p++) {
		size_t n = 0;

		/* A backslash may itself be what is escaped. */
		while ((size_t)(p - text) > n && p[-1 - (ptrdiff_t)n] == '\\')
			n++;
		if (n % 2 == 0)
			return p;
	}
	return NULL;
}

int json_parse(const char *file, const char *text, size_t len, struct json_object **ret_object,
	       struct err *err)
{
	_cleanup_(tokener_cleanup) struct json_tokener *tokener = NULL;
	struct json_object *object;
	enum json_tokener_error error;
	const char *nul;

	if (len > JSON_MAX_BYTES)
		return err_say(err, EFBIG, "%s: has more than %u bytes", file, JSON_MAX_BYTES);
	/* A message's bytes may be none at all. */
	if (len == 0)
		text = "";
	nul = find_nul(text, len);
	if (nul)
		return err_say(err, EINVAL, "%s: there is a NUL character at byte %zu", file,
			       (size_t)(nul - text));
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!tokener)
		return err_set(err, ENOMEM, "%s", file);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	if (error == json_tokener_continue)
		return err_say(err, EINVAL, "%s: the JSON text ends too early", file);
	if (error != json_tokener_success)
		return err_say(err, EINVAL, "%s: not valid JSON at byte %zu: %s", file,
			       json_tokener_get_parse_end(tokener), json_tokener_error_desc(error));
	for (size_t i = json_tokener_get_parse_end(tokener); i < len; i++) {
		if (!strchr(" \t\r\n", text[i])) {
			json_object_put(object);
			return err_say(err, EINVAL, "%s: text behind the JSON at byte %zu", file,
				       i);
		}
	}
	*ret_object = object;
	return 0;
}

int json_add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

int json_add_text(struct json_object *object, const char *key, const char *text)
{
	return json_add(object, key, json_object_new_string(text));
}

static void path_append(char *path, size_t size, const struct json_node *node)
{
	size_t used;

	if (node->parent)
		path_append(path, size, node->parent);
	used = strlen(path);
	if (node->key)
		(void)snprintf(path + used, size - used, "%s%.64s", used > 0 ? "." : "", node->key);
	else if (node->parent)
		(void)snprintf(path + used, size - used, "[%zu]", node->index);
}

static int fail_at(const struct json_node *node, const char *fmt, va_list va)
{
	char path[JSON_PATH_MAX] = "";
	char what[512];

	path_append(path, sizeof(path), node);
	(void)vsnprintf(what, sizeof(what), fmt, va);
	return err_say(node->reader->err, EINVAL, "%s: %s%s%s", node->reader->file, path,
		       path[0] ? " " : "", what);
}

int json_fail(const struct json_node *node, const char *fmt, ...)
{
	va_list va;
	int r;

	va_start(va, fmt);
	r = fail_at(node, fmt, va);
	va_end(va);
	return r;
}

int json_fail_member(const struct json_node *node, const char *key, const char *fmt, ...)
{
	const struct json_node member = { .reader = node->reader, .parent = node, .key = key };
	va_list va;
	int r;

	va_start(va, fmt);
	r = fail_at(&member, fmt, va);
	va_end(va);
	return r;
}

static const char *type_name(enum json_type type)
{
	switch (type) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "a boolean";
	case json_type_double:
		return "a number";
	case json_type_int:
		return "an integer";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "an array";
	case json_type_string:
		return "a string";
	}
	return "something else";
}

int json_expect(const struct json_node *node, enum json_type type)
{
	enum json_type is = json_object_get_type(node->value);

	if (is == type)
		return 0;
	return json_fail(node, "must be %s, is %s", type_name(type),
			 is == json_type_int ? "a number" : type_name(is));
}

static int no_memory(const struct json_node *node)
{
	return err_set(node->reader->err, ENOMEM, "%s", node->reader->file);
}

static int get_member(const struct json_node *node, const char *key, enum json_presence presence,
		      enum json_type type, struct json_node *ret_member)
{
	struct json_object *value = NULL;
	int r;

	*ret_member = (struct json_node){ .reader = node->reader, .parent = node, .key = key };
	if (!json_object_object_get_ex(node->value, key, &value) || !value) {
		if (presence == JSON_REQUIRED)
			return json_fail_member(node, key, "is missing");
		return 0;
	}
	ret_member->value = value;
	r = json_expect(ret_member, type);
	return r < 0 ? r : 1;
}

static int copy_string(const struct json_node *node, char **ret)
{
	*ret = arena_strndup(node->reader->arena, json_object_get_string(node->value),
			     (size_t)json_object_get_string_len(node->value));
	return *ret ? 0 : no_memory(node);
}

int json_get_string(const struct json_node *node, const char *key, enum json_presence presence,
		    char **ret)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_string, &member);

	if (r <= 0)
		return r;
	r = copy_string(&member, ret);
	return r < 0 ? r : 1;
}

int json_get_bool(const struct json_node *node, const char *key, enum json_presence presence,
		  bool *ret)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_boolean, &member);

	if (r > 0)
		*ret = json_object_get_boolean(member.value);
	return r;
}

/* json-c clamps what does not fit, so the two ends of the range are looked at from both sides. */
static bool is_beyond_int64(struct json_object *value)
{
	return json_object_get_uint64(value) > (uint64_t)INT64_MAX;
}

int json_get_int(const struct json_node *node, const char *key, enum json_presence presence,
		 int64_t min, int64_t max, int64_t *ret)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_int, &member);
	int64_t value;

	if (r <= 0)
		return r;
	value = json_object_get_int64(member.value);
	if (value < min || value > max || is_beyond_int64(member.value))
		return json_fail(&member, "must be from %lld to %lld, is %s", (long long)min,
				 (long long)max, json_object_get_string(member.value));
	*ret = value;
	return 1;
}

static int uint_value(const struct json_node *node, uint64_t max, uint64_t *ret)
{
	if (json_object_get_int64(node->value) < 0 || json_object_get_uint64(node->value) > max)
		return json_fail(node, "must be from 0 to %llu, is %s", (unsigned long long)max,
				 json_object_get_string(node->value));
	*ret = json_object_get_uint64(node->value);
	return 0;
}

int json_get_uint(const struct json_node *node, const char *key, enum json_presence presence,
		  uint64_t max, uint64_t *ret)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_int, &member);

	if (r <= 0)
		return r;
	r = uint_value(&member, max, ret);
	return r < 0 ? r : 1;
}

int json_get_u32(const struct json_node *node, const char *key, enum json_presence presence,
		 uint32_t *ret)
{
	uint64_t value = 0;
	int r = json_get_uint(node, key, presence, UINT32_MAX, &value);

	if (r > 0)
		*ret = (uint32_t)value;
	return r;
}

int json_enum_value(const struct json_node *node, const struct json_name *table, size_t n_table,
		    int64_t *ret)
{
	char known[384] = "";
	const char *text;
	int r = json_expect(node, json_type_string);

	if (r < 0)
		return r;
	text = json_object_get_string(node->value);
	for (size_t i = 0; i < n_table; i++) {
		if (strcmp(text, table[i].name) == 0) {
			*ret = table[i].value;
			return 0;
		}
	}
	for (size_t i = 0; i < n_table; i++) {
		size_t used = strlen(known);

		(void)snprintf(known + used, sizeof(known) - used, "%s%s", i > 0 ? ", " : "",
			       table[i].name);
	}
	return json_fail(node, "is \"%.64s\", which is not one of %s", text, known);
}

int json_get_enum(const struct json_node *node, const char *key, enum json_presence presence,
		  const struct json_name *table, size_t n_table, int64_t *ret)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_string, &member);

	if (r <= 0)
		return r;
	r = json_enum_value(&member, table, n_table, ret);
	return r < 0 ? r : 1;
}

int json_get_array(const struct json_node *node, const char *key, enum json_presence presence,
		   size_t element_bytes, json_element_fn *fn, void **ret, size_t *ret_n)
{
	struct json_node member;
	char *elements;
	size_t n;
	int r = get_member(node, key, presence, json_type_array, &member);

	if (r <= 0)
		return r;
	n = json_object_array_length(member.value);
	/* One more, zeroed: lists of pointers end in NULL. */
	elements = arena_alloc(node->reader->arena, n + 1, element_bytes);
	if (!elements)
		return no_memory(node);
	for (size_t i = 0; i < n; i++) {
		const struct json_node element = { .reader = node->reader,
						   .parent = &member,
						   .index = i,
						   .value = json_object_array_get_idx(member.value,
										      i) };

		r = fn(&element, elements + i * element_bytes);
		if (r < 0)
			return r;
	}
	*ret = elements;
	*ret_n = n;
	return 1;
}

static int string_element(const struct json_node *node, void *element)
{
	int r = json_expect(node, json_type_string);

	return r < 0 ? r : copy_string(node, element);
}

int json_get_strings(const struct json_node *node, const char *key, enum json_presence presence,
		     char ***ret, size_t *ret_n)
{
	void *elements = NULL;
	int r = json_get_array(node, key, presence, sizeof(char *), string_element, &elements,
			       ret_n);

	if (r > 0)
		*ret = elements;
	return r;
}

static int u32_element(const struct json_node *node, void *element)
{
	uint64_t value = 0;
	int r = json_expect(node, json_type_int);

	if (r == 0)
		r = uint_value(node, UINT32_MAX, &value);
	if (r == 0)
		*(uint32_t *)element = (uint32_t)value;
	return r;
}

int json_get_u32s(const struct json_node *node, const char *key, enum json_presence presence,
		  uint32_t **ret, size_t *ret_n)
{
	void *elements = NULL;
	int r = json_get_array(node, key, presence, sizeof(uint32_t), u32_element, &elements,
			       ret_n);

	if (r > 0)
		*ret = elements;
	return r;
}

int json_get_pairs(const struct json_node *node, const char *key, enum json_presence presence,
		   struct json_pair **ret, size_t *ret_n)
{
	struct arena *arena = node->reader->arena;
	struct json_node member;
	struct json_pair *pairs;
	size_t n = 0;
	int r = get_member(node, key, presence, json_type_object, &member);

	if (r <= 0)
		return r;
	pairs = arena_alloc(arena, (size_t)json_object_object_length(member.value) + 1,
			    sizeof(*pairs));
	if (!pairs)
		return no_memory(node);
	json_object_object_foreach (member.value, name, value) {
		const struct json_node pair = {
			.reader = node->reader, .parent = &member, .key = name, .value = value
		};

		r = string_element(&pair, &pairs[n].value);
		if (r < 0)
			return r;
		pairs[n].key = arena_strndup(arena, name, strlen(name));
		if (!pairs[n++].key)
			return no_memory(node);
	}
	*ret = pairs;
	*ret_n = n;
	return 1;
}

int json_get_object(const struct json_node *node, const char *key, enum json_presence presence,
		    json_object_fn *fn, void *out)
{
	struct json_node member;
	int r = get_member(node, key, presence, json_type_object, &member);

	if (r <= 0)
		return r;
	r = fn(&member, out);
	return r < 0 ? r : 1;
}
