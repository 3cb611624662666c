/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, and the checks of their values. */
#include "lib/settings/keys.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysinfo.h>

#define CPUS_MAX	 255u
#define TIMEOUT_MAX_S	 3600u
#define MEMORY_MIN_BYTES (32ull << 20)

int settings_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	uint64_t value;
	unsigned int shift = 0;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1])
			return -EINVAL;
		shift = 10u * (unsigned int)(unit - units + 1);
	}
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}

static int keep(struct setting_value *value, const char *text, struct err *err)
{
	if (strlen(text) >= sizeof(value->text))
		return err_say(err, EINVAL, "it is longer than %zu bytes", sizeof(value->text) - 1);
	(void)snprintf(value->text, sizeof(value->text), "%s", text);
	return 0;
}

/* The same of a text that goes on into files and command lines. */
static int keep_line(struct setting_value *value, const char *text, struct err *err)
{
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return err_say(err, EINVAL, "there is a control character in it");
	return keep(value, text, err);
}

static int check_path(const char *text, struct setting_value *value, struct err *err)
{
	if (text[0] != '/')
		return err_say(err, EINVAL, "\"%.200s\" is not an absolute path", text);
	if (strlen(text) >= PATHS_MAX)
		return err_say(err, EINVAL, "the path is longer than %d bytes", PATHS_MAX - 1);
	return keep_line(value, text, err);
}

static int check_cmdline(const char *text, struct setting_value *value, struct err *err)
{
	return keep_line(value, text, err);
}

static int check_number(const char *text, unsigned max, struct setting_value *value,
			struct err *err)
{
	char *end = NULL;

	errno = 0;
	value->number = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
	if (value->number < 1 || value->number > max || errno || *end)
		return err_say(err, EINVAL, "\"%.80s\" is not a number from 1 to %u", text, max);
	(void)snprintf(value->text, sizeof(value->text), "%" PRIu64, value->number);
	return 0;
}

static int check_cpus(const char *text, struct setting_value *value, struct err *err)
{
	return check_number(text, CPUS_MAX, value, err);
}

static int check_timeout(const char *text, struct setting_value *value, struct err *err)
{
	return check_number(text, TIMEOUT_MAX_S, value, err);
}

static void format_size(uint64_t bytes, struct setting_value *value)
{
	bool gigabytes = bytes % (1u << 30) == 0;

	value->number = bytes;
	(void)snprintf(value->text, sizeof(value->text), "%" PRIu64 "%c",
		       bytes >> (gigabytes ? 30 : 20), gigabytes ? 'G' : 'M');
}

static int check_memory(const char *text, struct setting_value *value, struct err *err)
{
	struct sysinfo host;
	uint64_t bytes, host_bytes;

	if (settings_parse_size(text, &bytes) < 0)
		return err_say(err, EINVAL, "\"%.80s\" is not a size such as 128M or 2G", text);
	if (bytes < MEMORY_MIN_BYTES)
		return err_say(err, EINVAL, "%.80s is too little: a guest needs %lluM or more",
			       text, MEMORY_MIN_BYTES >> 20);
	if (bytes % (1u << 20))
		return err_say(err, EINVAL, "%.80s is not a multiple of 1M", text);
	if (sysinfo(&host) < 0)
		return err_set(err, errno, "cannot tell how much memory the host has");
	host_bytes = (uint64_t)host.totalram * host.mem_unit;
	if (bytes > host_bytes)
		return err_say(err, EINVAL, "%.80s is more than the host has (%" PRIu64 "M)", text,
			       host_bytes >> 20);
	format_size(bytes, value);
	return 0;
}

static int check_flag(const char *text, struct setting_value *value, struct err *err)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return err_say(err, EINVAL, "\"%.80s\" is neither true nor false", text);
	value->number = text[0] == 't';
	return keep(value, text, err);
}

static int check_cpu_model(const char *text, struct setting_value *value, struct err *err)
{
	if (strcmp(text, "host") != 0 && strcmp(text, "baseline") != 0)
		return err_say(err, EINVAL, "\"%.80s\" is neither host nor baseline", text);
	return keep(value, text, err);
}

/* A user id, or how many there are. Both together stay below 2^32, as each is below 2^31. */
static int check_user(const char *text, struct setting_value *value, struct err *err)
{
	char *rest;

	errno = 0;
	value->number = strtoull(text, &rest, 10);
	if (errno || *rest || text[0] < '0' || text[0] > '9' || value->number == 0 ||
	    value->number > INT32_MAX)
		return err_say(err, EINVAL, "\"%.80s\" is no number from 1 to %d", text, INT32_MAX);
	return keep(value, text, err);
}

static int check_user_network(const char *text, struct setting_value *value, struct err *err)
{
	static const char *const values[] = { "false", "true", "slirp4netns", "passt" };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strcmp(text, values[i]) == 0)
			return keep(value, text, err);
	return err_say(err, EINVAL, "\"%.80s\" is none of false, true, slirp4netns and passt",
		       text);
}

static int check_network(const char *text, struct setting_value *value, struct err *err)
{
	static const char *const models[] = { "tcfilter", "macvtap", "bridge", "none" };

	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (strcmp(models[i], text) == 0)
			return keep(value, text, err);
	return err_say(err, EINVAL, "\"%.80s\" is none of tcfilter, macvtap, bridge, none", text);
}

static int check_publish(const char *text, struct setting_value *value, struct err *err)
{
	char copy[SETTINGS_TEXT_MAX], *rest = NULL;

	if (keep(value, text, err) < 0)
		return -EINVAL;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		unsigned int host, guest;
		char protocol[4], more;

		if (sscanf(word, "%u:%u/%3[a-z]%c", &host, &guest, protocol, &more) != 3 ||
		    host < 1 || host > 65535 || guest < 1 || guest > 65535 ||
		    (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
			return err_say(err, EINVAL,
				       "\"%.80s\" is not HOST:GUEST/tcp or HOST:GUEST/udp", word);
	}
	return 0;
}

static int check_allow(const char *text, struct setting_value *value, struct err *err)
{
	char copy[SETTINGS_TEXT_MAX], *rest = NULL;

	if (keep(value, text, err) < 0)
		return -EINVAL;
	if (strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
		return 0;
	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ,\t", &rest); word; word = strtok_r(NULL, " ,\t", &rest))
		if (key_find_annotation(word, err) == SETTING_N_KEYS)
			return err_hint(err, "or write all, or none");
	return 0;
}

const struct key settings_keys[SETTING_N_KEYS] = {
	[SETTING_KERNEL] = { "vm", "kernel", "kernel", "", check_path },
	[SETTING_INITRD] = { "vm", "initrd", "initrd", "", check_path },
	[SETTING_CMDLINE] = { "vm", "cmdline", "cmdline", "", check_cmdline, .adds = true },
	[SETTING_CPUS] = { "vm", "cpus", "cpus", "1", check_cpus },
	[SETTING_MEMORY] = { "vm", "memory", "memory", "128M", check_memory },
	[SETTING_CPU_MODEL] = { "vm", "cpu_model", "cpu_model", "host", check_cpu_model },
	[SETTING_CONSOLE] = { "vm", "console", "console", "false", check_flag },
	[SETTING_TEMPLATE] = { "vm", "template", "template", "true", check_flag },
	[SETTING_TIMEOUT] = { "vm", "timeout", NULL, "60", check_timeout },
	[SETTING_JAIL_FIRST] = { "jail", "first_user", NULL, "1879048192", check_user },
	[SETTING_JAIL_COUNT] = { "jail", "users", NULL, "65536", check_user },
	[SETTING_NETWORK] = { "network", "model", "network", "tcfilter", check_network },
	[SETTING_NETWORK_USER] = { "network", "user", NULL, "false", check_user_network },
	[SETTING_NETWORK_PUBLISH] = { "network", "publish", NULL, "", check_publish },
	[SETTING_FILE_SERVER] = { "storage", "file_server", NULL, "", check_path },
	[SETTING_SHARED_MEMORY] = { "storage", "shared_memory", "shared-memory", "false",
				    check_flag },
	[SETTING_DEBUG] = { "log", "debug", NULL, "false", check_flag },
	[SETTING_ANNOTATIONS] = { "annotations", "allow", NULL, "cpus memory cmdline",
				  check_allow },
};

bool key_section_known(const char *section)
{
	for (size_t i = 0; i < SETTING_N_KEYS; i++)
		if (strcmp(settings_keys[i].section, section) == 0)
			return true;
	return false;
}

/* " a, b, c", of the keys of a section, or of all that annotations may be allowed to set. */
static void list_names(const char *section, char *ret_list, size_t size)
{
	size_t len = 0;

	ret_list[0] = '\0';
	for (size_t i = 0; i < SETTING_N_KEYS && len < size; i++) {
		const struct key *key = &settings_keys[i];
		const char *name = section ? key->name : key->annotation;

		if (!name || (section && strcmp(key->section, section) != 0))
			continue;
		len += (size_t)snprintf(ret_list + len, size - len, "%s%s", len ? ", " : "", name);
	}
}

static void list_sections(char *ret_list, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < SETTING_N_KEYS && len < size; i++) {
		const char *section = settings_keys[i].section;

		if (i == 0 || strcmp(section, settings_keys[i - 1].section) != 0)
			len += (size_t)snprintf(ret_list + len, size - len, "%s[%s]",
						len ? ", " : "", section);
	}
}

enum setting_key key_find(const char *section, const char *name, struct err *err)
{
	char list[256];

	if (!key_section_known(section)) {
		list_sections(list, sizeof(list));
		(void)err_say(err, EINVAL, "there is no section [%.60s]; there are %s", section,
			      list);
		return SETTING_N_KEYS;
	}
	for (size_t i = 0; i < SETTING_N_KEYS; i++)
		if (strcmp(settings_keys[i].section, section) == 0 &&
		    strcmp(settings_keys[i].name, name) == 0)
			return (enum setting_key)i;
	list_names(section, list, sizeof(list));
	(void)err_say(err, EINVAL, "[%s] has no key \"%.60s\"; it has %s", section, name, list);
	return SETTING_N_KEYS;
}

enum setting_key key_find_annotation(const char *name, struct err *err)
{
	char list[256];

	for (size_t i = 0; i < SETTING_N_KEYS; i++)
		if (settings_keys[i].annotation && strcmp(settings_keys[i].annotation, name) == 0)
			return (enum setting_key)i;
	list_names(NULL, list, sizeof(list));
	(void)err_say(err, EINVAL, "\"%.60s\" is not known; there are %s", name, list);
	return SETTING_N_KEYS;
}

bool key_allowed(const struct settings *settings, enum setting_key key)
{
	const char *name = settings_keys[key].annotation;
	const char *allow = settings_text(settings, SETTING_ANNOTATIONS);
	char copy[SETTINGS_TEXT_MAX], *rest = NULL;

	if (!name || strcmp(allow, "none") == 0)
		return false;
	if (strcmp(allow, "all") == 0)
		return true;
	(void)snprintf(copy, sizeof(copy), "%s", allow);
	for (char *word = strtok_r(copy, " ,\t", &rest); word; word = strtok_r(NULL, " ,\t", &rest))
		if (strcmp(word, name) == 0)
			return true;
	return false;
}

/* Both texts with a blank between; where names both places. */
static int add(struct setting_value *value, const struct setting_value *more, struct err *err)
{
	struct setting_value sum = *more;

	if (snprintf(sum.text, sizeof(sum.text), "%s %s", value->text, more->text) >=
	    (int)sizeof(sum.text))
		return err_say(err, EINVAL,
			       "together with what %s says it is longer than %zu bytes",
			       value->where, sizeof(sum.text) - 1);
	(void)snprintf(sum.where, sizeof(sum.where), "%.*s, %.100s", PATHS_MAX, value->where,
		       more->where);
	*value = sum;
	return 0;
}

int key_set(struct settings *settings, enum setting_key key, enum setting_source source,
	    const char *where, const char *text, struct err *err)
{
	const struct key *row = &settings_keys[key];
	struct setting_value *value = &settings->values[key];
	struct setting_value new = { .source = source };
	int r = 0;

	if (!*text) {
		text = row->fallback;
		new.source = SETTING_SOURCE_DEFAULT;
	} else {
		(void)snprintf(new.where, sizeof(new.where), "%s", where);
	}
	if (*text)
		r = row->check(text, &new, err);
	if (r < 0)
		return r;
	if (row->adds && source >= SETTING_SOURCE_OPTION && *value->text && *text)
		return add(value, &new, err);
	*value = new;
	return 0;
}
