/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration for people and for programs. */
#include "lib/settings/print.h"

#include <json-c/json.h>
#include <string.h>

#include "lib/settings/keys.h"

static const char *const source_names[] = {
	[SETTING_SOURCE_DEFAULT] = "default",
	[SETTING_SOURCE_FILE] = "file",
	[SETTING_SOURCE_OPTION] = "option",
	[SETTING_SOURCE_ANNOTATION] = "annotation",
};

static int add_text(struct json_object *object, const char *name, const char *text)
{
	struct json_object *value = json_object_new_string(text);

	return value ? json_object_object_add(object, name, value) : -1;
}

static int fill(const struct settings *settings, enum setting_key key, struct json_object *object)
{
	const struct setting_value *value = &settings->values[key];
	const struct key *row = &settings_keys[key];
	char name[128];
	int r;

	(void)snprintf(name, sizeof(name), "%s.%s", row->section, row->name);
	r = add_text(object, "name", name);
	r |= add_text(object, "value", value->text);
	r |= add_text(object, "source", source_names[value->source]);
	r |= add_text(object, "where", value->where);
	(void)snprintf(name, sizeof(name), SETTINGS_ANNOTATION_PREFIX "%s",
		       row->annotation ? row->annotation : "");
	if (row->annotation)
		r |= add_text(object, "annotation", name);
	else
		r |= json_object_object_add(object, "annotation", NULL);
	r |= json_object_object_add(object, "annotationAllowed",
				    json_object_new_boolean(key_allowed(settings, key)));
	return r;
}

static int add_all(const struct settings *settings, struct json_object *array)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SETTING_N_KEYS; i++) {
		struct json_object *object = json_object_new_object();

		if (!object || json_object_array_add(array, object) < 0) {
			json_object_put(object);
			return -1;
		}
		r = fill(settings, (enum setting_key)i, object);
	}
	return r;
}

struct json_object *settings_to_json(const struct settings *settings)
{
	struct json_object *json = json_object_new_object();
	struct json_object *array = json_object_new_array();

	if (!json || !array || json_object_object_add(json, "settings", array) < 0) {
		json_object_put(array);
		json_object_put(json);
		return NULL;
	}
	if (add_text(json, "file", settings->file) == 0 && add_all(settings, array) == 0)
		return json;
	json_object_put(json);
	return NULL;
}

static const char *member(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(object, name));

	return text ? text : "";
}

void settings_print(FILE *out, struct json_object *json)
{
	struct json_object *settings = json_object_object_get(json, "settings");
	size_t n = json_object_get_type(settings) == json_type_array
			   ? json_object_array_length(settings)
			   : 0;
	char section[64] = "";

	(void)fprintf(out, "# %s\n", member(json, "file"));
	for (size_t i = 0; i < n; i++) {
		struct json_object *setting = json_object_array_get_idx(settings, i);
		const char *name = member(setting, "name");
		const char *where = member(setting, "where");
		size_t len = strcspn(name, ".");
		int width;

		if (strlen(section) != len || strncmp(section, name, len) != 0) {
			(void)snprintf(section, sizeof(section), "%.*s", (int)len, name);
			(void)fprintf(out, "\n[%s]\n", section);
		}
		width = fprintf(out, "%s = %s", name + len + (name[len] == '.'),
				member(setting, "value"));
		(void)fprintf(out, "%*s; %s%s%s\n", width < 40 ? 40 - width : 1, "",
			      member(setting, "source"), *where ? " " : "", where);
	}
}
