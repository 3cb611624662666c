/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes configuration files and annotations. Input: the text of a file; what follows its first
 * NUL, if there is one, is the value of the annotation that the text's length chooses.
 */
#include "lib/settings/settings.h"

#include <stdlib.h>

#include "lib/settings/print.h"
#include "tests/fuzz/input.h"

static const char *const annotations[] = {
	"io.kata-like.memory",
	"io.kata-like.cmdline",
	"io.kata-like.kernel",
	"io.kata-like.network",
	"io.kata-like.",
	"io.kata-like.x",
	"io.other",
};

/* What a caller relies on. */
static void check_in_force(const struct settings *settings)
{
	struct json_object *json = settings_to_json(settings);

	FUZZ_CHECK(json != NULL);
	json_object_put(json);
	FUZZ_CHECK(settings_number(settings, SETTING_CPUS) >= 1);
	FUZZ_CHECK(settings_number(settings, SETTING_CPUS) <= 255);
	FUZZ_CHECK(settings_number(settings, SETTING_MEMORY) >= 32u << 20);
	FUZZ_CHECK(settings_number(settings, SETTING_CONSOLE) <= 1);
	FUZZ_CHECK(!*settings_text(settings, SETTING_KERNEL) ||
		   *settings_text(settings, SETTING_KERNEL) == '/');
	for (size_t i = 0; i < SETTING_N_KEYS; i++)
		FUZZ_CHECK(strlen(settings->values[i].text) < SETTINGS_TEXT_MAX &&
			   strlen(settings->values[i].where) < SETTINGS_WHERE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	char *text = malloc(size + 1);
	struct err err = ERR_INIT;
	size_t len;
	int r;

	FUZZ_CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	len = strlen(text);
	unsetenv(SETTINGS_ENVIRONMENT);
	FUZZ_CHECK(settings_load(NULL, &settings, &err) == 0);
	r = settings_apply_text(&settings, "input", text, &err);
	FUZZ_CHECK(r == 0 || (r < 0 && err.text[0]));
	check_in_force(&settings);
	if (len < size) {
		const char *key = annotations[len % ARRAY_SIZE(annotations)];

		err = ERR_INIT;
		r = settings_apply_annotation(&settings, key, text + len + 1, &err);
		FUZZ_CHECK(r == 0 || (r < 0 && err.text[0]));
		check_in_force(&settings);
	}
	free(text);
	return 0;
}
