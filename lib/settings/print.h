/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration for people and for programs, with where each value came from. */
#ifndef KATA_LIKE_LIB_SETTINGS_PRINT_H
#define KATA_LIKE_LIB_SETTINGS_PRINT_H

#include <json-c/json_object.h>

#include "lib/settings/settings.h"

/*
 * {"file": PATH, "settings": [{"name": "vm.memory", "value": "128M", "source": "default", "where":
 * "", "annotation": "io.kata-like.memory" or null, "annotationAllowed": true}, …]}. The caller's.
 * NULL: out of memory.
 */
struct json_object *settings_to_json(const struct settings *settings) _must_check_;

/* What settings_to_json() made, as INI text with each value's origin behind it. */
void settings_print(FILE *out, struct json_object *json);

#endif
