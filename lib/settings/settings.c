/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of the configuration that are not files, and what is in force. */
#include "lib/settings/settings.h"

#include <errno.h>
#include <string.h>

#include "lib/settings/keys.h"

int settings_apply_option(struct settings *settings, const char *name, const char *where,
			  const char *value, struct err *err)
{
	char section[64];
	const char *dot = strchr(name, '.');
	enum setting_key key;
	int r = -EINVAL;

	if (!dot || dot - name >= (int)sizeof(section))
		return err_say(err, EINVAL, "option \"%.80s\" is not SECTION.KEY", name);
	(void)snprintf(section, sizeof(section), "%.*s", (int)(dot - name), name);
	key = key_find(section, dot + 1, err);
	if (key != SETTING_N_KEYS)
		r = key_set(settings, key, SETTING_SOURCE_OPTION, where, value, err);
	if (r < 0)
		(void)err_push(err, "%s", where);
	return r;
}

static int refuse(const struct settings *settings, const char *key, const char *name,
		  struct err *err)
{
	const char *where = settings->values[SETTING_ANNOTATIONS].where;

	return err_say(err, EACCES,
		       "annotation %s: annotations may not set it here; to let them, put \"%s\" "
		       "into [annotations] allow (%s)",
		       key, name, *where ? where : settings->file);
}

int settings_apply_annotation(struct settings *settings, const char *key, const char *value,
			      struct err *err)
{
	const char *name = key + strlen(SETTINGS_ANNOTATION_PREFIX);
	enum setting_key found;
	int r = -EINVAL;

	if (strncmp(key, SETTINGS_ANNOTATION_PREFIX, strlen(SETTINGS_ANNOTATION_PREFIX)) != 0)
		return 0;
	found = key_find_annotation(name, err);
	if (found != SETTING_N_KEYS && !key_allowed(settings, found))
		return refuse(settings, key, name, err);
	/* Being allowed to set it is not being allowed to unset it. */
	if (found != SETTING_N_KEYS && !*value)
		(void)err_say(err, EINVAL, "it is empty");
	else if (found != SETTING_N_KEYS)
		r = key_set(settings, found, SETTING_SOURCE_ANNOTATION, key, value, err);
	if (r < 0)
		(void)err_push(err, "annotation %.200s", key);
	return r;
}

const char *settings_text(const struct settings *settings, enum setting_key key)
{
	return settings->values[key].text;
}

uint64_t settings_number(const struct settings *settings, enum setting_key key)
{
	return settings->values[key].number;
}

bool settings_flag(const struct settings *settings, enum setting_key key)
{
	return settings->values[key].number != 0;
}
