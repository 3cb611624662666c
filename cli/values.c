/* SPDX-License-Identifier: Apache-2.0 */
/* What options mean. */
#include "cli/values.h"
#include "oci/json.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* Digits only: what strtoull() adds to that (blanks, signs) is no number on a command line. */
static int parse_digits(const char *text, const char **ret_end, uint64_t *ret_value)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	*ret_end = end;
	return errno ? -errno : 0;
}

/* The power of 1024 that a suffix stands for, or -1. */
static int suffix_shift(const char *suffix)
{
	static const char units[] = "bkmgt";
	const char *unit;

	if (!*suffix)
		return 0;
	unit = strchr(units, tolower((unsigned char)suffix[0]));
	if (!unit || !*unit)
		return -1;
	if (suffix[1] &&
	    (*unit == 'b' || (strcmp(suffix + 1, "iB") != 0 && strcmp(suffix + 1, "B") != 0)))
		return -1;
	return (int)(unit - units) * 10;
}

int value_size(const char *option, const char *text, uint64_t *ret_bytes, struct err *err)
{
	const char *suffix;
	uint64_t value;
	int shift, r = parse_digits(text, &suffix, &value);

	shift = r < 0 ? -1 : suffix_shift(suffix);
	if (shift < 0)
		return err_say(err, EINVAL,
			       "%s: \"%s\" is not a size; write it as 268435456, 256M or 2G",
			       option, text);
	if (value == 0)
		return err_say(err, EINVAL, "%s: the size must be more than 0", option);
	if (value > UINT64_MAX >> shift)
		return err_say(err, ERANGE, "%s: %s is more than any machine has", option, text);
	*ret_bytes = value << shift;
	return 0;
}

int value_count(const char *option, const char *text, uint64_t min, uint64_t max,
		uint64_t *ret_count, struct err *err)
{
	const char *end;
	uint64_t value;
	int r = parse_digits(text, &end, &value);

	if (r == -EINVAL || (!r && *end))
		return err_say(err, EINVAL, "%s: \"%s\" is not a number", option, text);
	if (r < 0 || value < min || value > max)
		return err_say(err, ERANGE, "%s: %s is not between %llu and %llu", option, text,
			       (unsigned long long)min, (unsigned long long)max);
	*ret_count = value;
	return 0;
}

int value_cpus(const char *option, const char *text, uint64_t *ret_millis, struct err *err)
{
	const char *end;
	uint64_t whole, millis = 0, weight = 100;

	if (parse_digits(text, &end, &whole) < 0 || whole > 1000000)
		goto bad;
	if (*end == '.') {
		for (end++; isdigit((unsigned char)*end); end++, weight /= 10)
			millis += (uint64_t)(*end - '0') * weight;
	}
	if (*end || whole * 1000 + millis == 0)
		goto bad;
	*ret_millis = whole * 1000 + millis;
	return 0;
bad:
	return err_say(err, EINVAL, "%s: \"%s\" is not a number of processors, such as 2 or 0.5",
		       option, text);
}

/* "RTMIN", "RTMIN+3", "RTMAX-1", as kill(1) takes them. The C library keeps the first two for
 * itself. */
static bool real_time_signal(const char *name, uint32_t *ret_signal)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	char sign = from_min ? '+' : '-';
	int base = from_min ? SIGRTMIN : SIGRTMAX;
	const char *end = name + 5;
	uint64_t offset = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return false;
	if (*end && (*end != sign || parse_digits(end + 1, &end, &offset) < 0 || *end))
		return false;
	if (offset > (uint64_t)(SIGRTMAX - SIGRTMIN))
		return false;
	*ret_signal = (uint32_t)(from_min ? base + (int)offset : base - (int)offset);
	return true;
}

int value_signal(const char *text, uint32_t *ret_signal, struct err *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	const char *end;
	uint64_t number;

	if (parse_digits(text, &end, &number) == 0 && !*end && number >= 1 && number <= 64) {
		*ret_signal = (uint32_t)number;
		return 0;
	}
	if (real_time_signal(name, ret_signal))
		return 0;
	for (int i = 1; i < NSIG && *name; i++) {
		const char *known = sigabbrev_np(i);

		if (known && !strcasecmp(known, name)) {
			*ret_signal = (uint32_t)i;
			return 0;
		}
	}
	return err_say(err, EINVAL, "\"%s\" is not a signal; name one as TERM, SIGTERM or 15",
		       text);
}

struct mount_text {
	const char *type, *source, *target;
	struct json_object *options; /* a reference is held until it moves into the mount */
	bool read_only, read_write;
};

static int mount_add_option(struct mount_text *mount, const char *option)
{
	struct json_object *text = json_object_new_string(option);

	if (!text || json_object_array_add(mount->options, text) < 0) {
		json_object_put(text);
		return -ENOMEM;
	}
	return 0;
}

static int mount_take_pair(struct mount_text *mount, const char *key, const char *value,
			   const char *whole)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{ "type", offsetof(struct mount_text, type) },
		{ "source", offsetof(struct mount_text, source) },
		{ "src", offsetof(struct mount_text, source) },
		{ "target", offsetof(struct mount_text, target) },
		{ "destination", offsetof(struct mount_text, target) },
		{ "dst", offsetof(struct mount_text, target) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(key, fields[i].name) != 0)
			continue;
		*(const char **)((char *)mount + fields[i].offset) = value;
		return 0;
	}
	return mount_add_option(mount, whole);
}

/* pair is cut at its '='. */
static int mount_take(struct mount_text *mount, char *pair)
{
	_cleanup_free_ char *whole = strdup(pair);
	char *equals = strchr(pair, '=');

	if (!whole)
		return -ENOMEM;
	if (!strcmp(pair, "ro") || !strcmp(pair, "readonly")) {
		mount->read_only = true;
		return 0;
	}
	if (!strcmp(pair, "rw")) {
		mount->read_write = true;
		return 0;
	}
	if (!equals)
		return mount_add_option(mount, pair);
	*equals = '\0';
	return mount_take_pair(mount, pair, equals + 1, whole);
}

static int mount_check(struct mount_text *mount, const char *text, struct err *err)
{
	bool bind;

	if (!mount->type)
		mount->type = mount->source ? "bind" : "tmpfs";
	bind = !strcmp(mount->type, "bind");
	if (!mount->target || mount->target[0] != '/')
		return err_say(err, EINVAL, "--mount %s: needs target=/PATH, where it is to appear",
			       text);
	if (bind && (!mount->source || !*mount->source))
		return err_say(err, EINVAL, "--mount %s: a bind mount needs source=PATH", text);
	if (mount->read_only && mount->read_write)
		return err_say(err, EINVAL, "--mount %s: both ro and rw", text);
	return 0;
}

static int mount_to_json(struct mount_text *mount, struct json_object **ret_mount)
{
	struct json_object *object = json_object_new_object();
	bool bind = !strcmp(mount->type, "bind");
	int r = object ? 0 : -ENOMEM;

	if (!r && bind)
		r = mount_add_option(mount, "rbind");
	if (!r)
		r = mount_add_option(mount, mount->read_only ? "ro" : "rw");
	if (!r)
		r = json_add_text(object, "destination", mount->target);
	if (!r)
		r = json_add_text(object, "type", mount->type);
	if (!r)
		r = json_add_text(object, "source", mount->source ? mount->source : mount->type);
	if (!r && json_object_object_add(object, "options", json_object_get(mount->options)) < 0) {
		json_object_put(mount->options);
		r = -ENOMEM;
	}
	if (r < 0) {
		json_object_put(object);
		return r;
	}
	*ret_mount = object;
	return 0;
}

static int mount_parse(struct mount_text *mount, char *copy, const char *text,
		       struct json_object **ret_mount, struct err *err)
{
	_cleanup_free_ char *absolute = NULL;
	char *save = NULL;
	int r;

	for (char *pair = strtok_r(copy, ",", &save); pair; pair = strtok_r(NULL, ",", &save)) {
		r = mount_take(mount, pair);
		if (r < 0)
			return err_set(err, -r, "--mount %s", text);
	}
	r = mount_check(mount, text, err);
	if (r < 0)
		return r;
	if (!strcmp(mount->type, "bind")) {
		absolute = realpath(mount->source, NULL);
		if (!absolute)
			return err_set(err, errno, "--mount %s: source %s", text, mount->source);
		mount->source = absolute;
	}
	r = mount_to_json(mount, ret_mount);
	return r < 0 ? err_set(err, -r, "--mount %s", text) : 0;
}

int value_mount(const char *text, struct json_object **ret_mount, struct err *err)
{
	struct mount_text mount = { .options = json_object_new_array() };
	_cleanup_free_ char *copy = strdup(text);
	int r;

	if (!mount.options || !copy)
		r = err_set(err, ENOMEM, "--mount %s", text);
	else
		r = mount_parse(&mount, copy, text, ret_mount, err);
	json_object_put(mount.options);
	return r;
}
