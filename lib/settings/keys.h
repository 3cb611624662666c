/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys: what each is called, what it may hold, and its default. */
#ifndef KATA_LIKE_LIB_SETTINGS_KEYS_H
#define KATA_LIKE_LIB_SETTINGS_KEYS_H

#include "lib/settings/settings.h"

/* Checks a text and keeps it in value in one spelling. err says what would be right. */
typedef int key_check_fn(const char *text, struct setting_value *value, struct err *err);

struct key {
	const char *section, *name;
	const char *annotation; /* behind the prefix; NULL: annotations have nothing to say */
	const char *fallback;
	key_check_fn *check;
	bool adds; /* options and annotations add to what files say, and replace nothing */
};

extern const struct key settings_keys[SETTING_N_KEYS];

bool key_section_known(const char *section);

/* SETTING_N_KEYS and err with the names there are, where there is none. */
enum setting_key key_find(const char *section, const char *name, struct err *err);
enum setting_key key_find_annotation(const char *name, struct err *err);

/* Whether an annotation may set the key. */
bool key_allowed(const struct settings *settings, enum setting_key key);

/* Checks and stores one value; an empty one brings the default back. */
int key_set(struct settings *settings, enum setting_key key, enum setting_source source,
	    const char *where, const char *text, struct err *err) _must_check_;

#endif
