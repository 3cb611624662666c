/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: Go's flag grammar, since containerd composes it for shims written in Go. */
#include "shim/options.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "lib/paths.h"

struct option_text {
	const char *name;
	size_t offset; /* of a const char * in struct options */
};

static const struct option_text texts[] = {
	{ "namespace", offsetof(struct options, namespace) },
	{ "address", offsetof(struct options, address) },
	{ "publish-binary", offsetof(struct options, publish_binary) },
	{ "id", offsetof(struct options, id) },
	{ "bundle", offsetof(struct options, bundle) },
};

static const struct option_text *find_text(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strlen(texts[i].name) == len && memcmp(texts[i].name, name, len) == 0)
			return &texts[i];
	return NULL;
}

static bool name_is(const char *name, size_t len, const char *wanted)
{
	return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

static int set_switch(bool *ret_on, const char *argument, const char *value, struct err *err)
{
	if (!value || strcmp(value, "true") == 0 || strcmp(value, "1") == 0)
		*ret_on = true;
	else if (strcmp(value, "false") == 0 || strcmp(value, "0") == 0)
		*ret_on = false;
	else
		return err_say(err, EINVAL, "%.200s: a switch is true or false", argument);
	return 0;
}

/* One flag at argv[*index]; moves *index past a value that stands in an argument of its own. */
static int parse_flag(int argc, char **argv, int *index, struct options *options, bool *action_set,
		      struct err *err)
{
	const char *argument = argv[*index];
	const char *name = argument + (argument[1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const char *value = equals ? equals + 1 : NULL;
	const struct option_text *text = find_text(name, len);

	if (text) {
		if (!value && *index + 1 >= argc)
			return err_say(err, EINVAL, "%.200s needs a value", argument);
		if (!value)
			value = argv[++*index];
		memcpy((char *)options + text->offset, &value, sizeof(value));
		return 0;
	}
	if (name_is(name, len, "debug"))
		return set_switch(&options->debug, argument, value, err);
	if (name_is(name, len, "info"))
		options->action = OPTIONS_ACTION_INFO;
	else if (name_is(name, len, "v") || name_is(name, len, "version"))
		options->action = OPTIONS_ACTION_VERSION;
	else
		return err_say(err, EINVAL, "unknown option %.200s", argument);
	*action_set = true;
	return 0;
}

static int parse_action(const char *word, struct options *options, struct err *err)
{
	if (strcmp(word, "start") == 0)
		options->action = OPTIONS_ACTION_START;
	else if (strcmp(word, "delete") == 0)
		options->action = OPTIONS_ACTION_DELETE;
	else
		return err_say(err, EINVAL, "unknown action \"%.200s\": use start or delete", word);
	return 0;
}

static int check_names(const struct options *options, struct err *err)
{
	int r;

	if (options->action == OPTIONS_ACTION_INFO || options->action == OPTIONS_ACTION_VERSION)
		return 0;
	if (!*options->id)
		return err_say(err, EINVAL, "-id is missing");
	r = paths_check_id("id", options->id, err);
	if (r < 0)
		return r;
	return paths_check_id("namespace", options->namespace, err);
}

int options_parse(int argc, char **argv, struct options *ret_options, struct err *err)
{
	struct options options = {
		.namespace = "default", .address = "", .publish_binary = "", .id = "", .bundle = ""
	};
	bool action_set = false;
	int r;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-' && argv[i][1]) {
			r = parse_flag(argc, argv, &i, &options, &action_set, err);
		} else if (action_set) {
			r = err_say(err, EINVAL, "unexpected argument \"%.200s\"", argv[i]);
		} else {
			r = parse_action(argv[i], &options, err);
			action_set = true;
		}
		if (r < 0)
			return r;
	}
	if (!action_set)
		return err_say(err, EINVAL,
			       "no action: this is the daemon that containerd or kata-like starts; "
			       "use start, delete, -info or -v");
	r = check_names(&options, err);
	if (r < 0)
		return r;
	*ret_options = options;
	return 0;
}
