/* SPDX-License-Identifier: Apache-2.0 */
/* The container's /etc/resolv.conf. */
#include "cli/resolv.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>

#include "cli/config.h"
#include "lib/fd.h"
#include "lib/log.h"

#define TARGET	  "/etc/resolv.conf"
#define HOST_FILE "/etc/resolv.conf"
/* What systemd-resolved asks itself: its own file names a server that is only on the host's lo. */
#define UPSTREAM_FILE "/run/systemd/resolve/resolv.conf"
#define TEXT_MAX      4096

struct text {
	char bytes[TEXT_MAX];
	size_t len;
};

static void add(struct text *text, const char *key, const char *value)
{
	int n = snprintf(text->bytes + text->len, TEXT_MAX - text->len, "%s %s\n", key, value);

	if (n > 0 && text->len + (size_t)n < TEXT_MAX)
		text->len += (size_t)n;
}

static size_t add_each(struct text *text, const char *key, struct json_object *array)
{
	size_t n =
		json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < n; i++)
		add(text, key, json_object_get_string(json_object_array_get_idx(array, i)));
	return n;
}

/* False when it names no server. */
static bool from_dns(struct text *text, struct json_object *dns)
{
	struct json_object *domain = json_object_object_get(dns, "domain");

	if (!dns || add_each(text, "nameserver", json_object_object_get(dns, "nameservers")) == 0)
		return false;
	if (domain)
		add(text, "domain", json_object_get_string(domain));
	(void)add_each(text, "search", json_object_object_get(dns, "search"));
	(void)add_each(text, "options", json_object_object_get(dns, "options"));
	return true;
}

static bool names_loopback_only(const char *resolv)
{
	bool any = false;

	for (const char *at = strstr(resolv, "nameserver"); at; at = strstr(at + 1, "nameserver")) {
		const char *value = at + strlen("nameserver");

		value += strspn(value, " \t");
		if (strncmp(value, "127.", 4) != 0 && strncmp(value, "::1", 3) != 0)
			return false;
		any = true;
	}
	return any;
}

static char *read_host(void)
{
	char *text = NULL;

	if (file_read(AT_FDCWD, HOST_FILE, TEXT_MAX - 1, &text, NULL, NULL) < 0)
		return NULL;
	if (!names_loopback_only(text))
		return text;
	if (access(UPSTREAM_FILE, R_OK) == 0) {
		free(text);
		return file_read(AT_FDCWD, UPSTREAM_FILE, TEXT_MAX - 1, &text, NULL, NULL) < 0
			       ? NULL
			       : text;
	}
	log_warn("the name servers of the host's " HOST_FILE
		 " are on its loopback interface, where the container cannot reach them");
	return text;
}

/* The host's search domains and options stay, its servers do not. */
static void from_server(struct text *text, const char *server)
{
	_cleanup_free_ char *host = read_host();
	char *save = NULL;

	add(text, "nameserver", server);
	for (char *line = host ? strtok_r(host, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *space = strpbrk(line, " \t");

		if (!space || (strncmp(line, "search", 6) != 0 && strncmp(line, "options", 7) != 0))
			continue;
		*space = '\0';
		add(text, line, space + 1);
	}
}

static bool is_mounted(struct json_object *config)
{
	struct json_object *mounts = json_object_object_get(config, "mounts");
	size_t n =
		json_object_is_type(mounts, json_type_array) ? json_object_array_length(mounts) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *target =
			json_object_object_get(json_object_array_get_idx(mounts, i), "destination");

		if (target && strcmp(json_object_get_string(target), TARGET) == 0)
			return true;
	}
	return false;
}

static int add_mount(struct json_object *config, const char *path, struct err *err)
{
	struct json_object *mount = json_object_new_object();
	struct json_object *options = json_object_new_array();

	if (!mount || !options ||
	    json_object_array_add(options, json_object_new_string("bind")) < 0 ||
	    json_object_array_add(options, json_object_new_string("ro")) < 0 ||
	    json_object_object_add(mount, "options", options) < 0 ||
	    json_object_object_add(mount, "destination", json_object_new_string(TARGET)) < 0 ||
	    json_object_object_add(mount, "type", json_object_new_string("bind")) < 0 ||
	    json_object_object_add(mount, "source", json_object_new_string(path)) < 0)
		return err_set(err, ENOMEM, "cannot mount " TARGET);
	return config_add_mount(config, mount, err);
}

int resolv_add(const struct record *record, struct json_object *config, struct json_object *dns,
	       const char *server, struct err *err)
{
	struct text text = { .len = 0 };
	char path[PATHS_MAX];
	int r;

	if (is_mounted(config))
		return 0;
	if (!from_dns(&text, dns)) {
		_cleanup_free_ char *host = server ? NULL : read_host();

		if (server)
			from_server(&text, server);
		else if (host)
			text.len = (size_t)snprintf(text.bytes, TEXT_MAX, "%s", host);
		else
			return 0;
	}
	r = record_path(record, "bundle/resolv.conf", path, err);
	if (r == 0)
		r = file_write_atomic(path, text.bytes, text.len, 0644, err);
	return r < 0 ? r : add_mount(config, path, err);
}
