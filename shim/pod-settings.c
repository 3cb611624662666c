/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of one pod. */
#include "shim/pod-settings.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "lib/settings/print.h"
#include "lib/fd.h"
#include "proto/task-api.h"
#include "runtime.pb-c.h"

/* "type.googleapis.com/NAME" and "NAME" are the same type. */
static bool is_type(const KataLike__Any *any, const char *type)
{
	const char *slash = strrchr(any->type_url, '/');

	return strcmp(slash ? slash + 1 : any->type_url, type) == 0;
}

static int load_by_runtime_options(const KataLike__Any *any, struct settings *settings,
				   struct err *err)
{
	KataLike__Runtime__RuntimeOptions *options =
		kata_like__runtime__runtime_options__unpack(NULL, any->value.len, any->value.data);
	_cleanup_free_ char *body = NULL;
	int r;

	if (!options)
		return err_say(err, EINVAL, "the runtime's options cannot be read");
	r = settings_load(options->config_path, settings, err);
	if (r < 0 && *options->config_path)
		(void)err_push(err, "ConfigPath of the runtime's options");
	if (r == 0 && options->config_body.len > 0) {
		body = strndup((const char *)options->config_body.data, options->config_body.len);
		r = body ? settings_apply_text(settings, "ConfigBody", body, err)
			 : err_set(err, ENOMEM, "the runtime's options");
	}
	kata_like__runtime__runtime_options__free_unpacked(options, NULL);
	return r;
}

static int apply_our_options(const KataLike__Any *any, struct settings *settings, struct err *err)
{
	KataLike__Runtime__Options *options =
		kata_like__runtime__options__unpack(NULL, any->value.len, any->value.data);
	int r = 0;

	if (!options)
		return err_say(err, EINVAL, "the command line's options cannot be read");
	for (size_t i = 0; r == 0 && i < options->n_settings; i++) {
		const KataLike__Runtime__Setting *setting = options->settings[i];

		r = settings_apply_option(settings, setting->name, setting->where, setting->value,
					  err);
	}
	kata_like__runtime__options__free_unpacked(options, NULL);
	return r;
}

int pod_settings_make(const KataLike__Any *options, const struct oci_spec *spec,
		      struct settings *ret_settings, struct err *err)
{
	int r;

	if (options && is_type(options, TASK_TYPE_RUNTIME_OPTIONS))
		r = load_by_runtime_options(options, ret_settings, err);
	else
		r = settings_load(NULL, ret_settings, err);
	if (r == 0 && options && is_type(options, TASK_TYPE_OPTIONS))
		r = apply_our_options(options, ret_settings, err);
	for (size_t i = 0; r == 0 && i < spec->annotations.n; i++)
		r = settings_apply_annotation(ret_settings, spec->annotations.list[i].key,
					      spec->annotations.list[i].value, err);
	return r;
}

int pod_settings_record(const struct settings *settings, const struct state *state, struct err *err)
{
	struct json_object *json = settings_to_json(settings);
	char path[PATHS_MAX];
	const char *text;
	int r = state_file(state, "settings.json", path, err);

	if (r == 0) {
		text = json ? json_object_to_json_string_ext(json,
							     JSON_C_TO_STRING_PRETTY |
								     JSON_C_TO_STRING_NOSLASHESCAPE)
			    : NULL;
		r = text ? file_write_atomic(path, text, strlen(text), 0600, err)
			 : err_set(err, ENOMEM, "cannot write %s", path);
	}
	json_object_put(json);
	return r;
}
