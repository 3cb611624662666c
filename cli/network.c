/* SPDX-License-Identifier: Apache-2.0 */
/* The network that `run` makes for a container. */
#include "cli/network.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <string.h>

#include "cli/cni.h"
#include "cli/config.h"
#include "cli/netns.h"
#include "cli/resolv.h"
#include "lib/fd.h"
#include "lib/log.h"

#define INTERFACE "eth0"
#define PORTS_MAX 64

enum kind {
	KIND_NONE,
	KIND_CNI,
	KIND_USER,
	KIND_NETNS,
};

struct port {
	unsigned int host, guest;
	bool udp;
};

/* --- Options --- */

static int parse_kind(const char *text, enum kind *ret_kind, const char **ret_rest, struct err *err)
{
	*ret_rest = NULL;
	if (!text || strcmp(text, "none") == 0) {
		*ret_kind = KIND_NONE;
	} else if (strcmp(text, "cni") == 0) {
		*ret_kind = KIND_CNI;
	} else if (strncmp(text, "cni:", 4) == 0 && text[4]) {
		*ret_kind = KIND_CNI;
		*ret_rest = text + 4;
	} else if (strcmp(text, "user") == 0 || strcmp(text, "user:slirp4netns") == 0 ||
		   strcmp(text, "user:passt") == 0) {
		*ret_kind = KIND_USER;
		*ret_rest = text[4] ? text + 5 : "true";
	} else if (strncmp(text, "netns:", 6) == 0 && text[6]) {
		*ret_kind = KIND_NETNS;
		*ret_rest = text + 6;
	} else {
		return err_say(err, EINVAL,
			       "--net %s: is none of none, cni, cni:NAME, user, user:PROGRAM "
			       "(slirp4netns or "
			       "passt) and netns:PATH",
			       text);
	}
	return 0;
}

static int parse_port(const char *text, struct port *ret_port, struct err *err)
{
	char protocol[8] = "tcp", rest;
	int n = sscanf(text, "%u:%u/%7[a-z]%c", &ret_port->host, &ret_port->guest, protocol, &rest);
	bool whole = n == 3 || (n == 2 && !strchr(text, '/'));
	const char *colon = strchr(text, ':');

	ret_port->udp = strcmp(protocol, "udp") == 0;
	/* What sscanf(3) leaves unread behind the second number. */
	if (whole && n == 2 && colon && colon[1 + strspn(colon + 1, "0123456789")] != '\0')
		whole = false;
	if (!whole || (!ret_port->udp && strcmp(protocol, "tcp") != 0))
		return err_say(err, EINVAL,
			       "-p %s: write HOST:GUEST, as in 8080:80, or HOST:GUEST/udp", text);
	if (ret_port->host < 1 || ret_port->host > 65535 || ret_port->guest < 1 ||
	    ret_port->guest > 65535)
		return err_say(err, EINVAL, "-p %s: a port is a number from 1 to 65535", text);
	return 0;
}

int network_check(const struct network_options *options, const char *pod, struct err *err)
{
	enum kind kind = KIND_NONE;
	const char *rest;
	struct port port;
	int r = parse_kind(options->net, &kind, &rest, err);

	if (r == 0 && pod && (options->net || options->ports.n || options->model))
		r = err_say(err, EINVAL,
			    "--net, --net-model and -p are for the first container of a pod: those "
			    "that join it by --pod have the same network");
	if (r == 0 && options->ports.n && kind != KIND_CNI && kind != KIND_USER)
		r = err_say(err, EINVAL, "-p %s: ports are published with --net cni or --net user",
			    options->ports.items[0]);
	if (r == 0 && options->model && kind == KIND_USER)
		r = err_say(err, EINVAL, "--net-model %s: is for --net cni and --net netns:PATH",
			    options->model);
	if (r == 0 && options->ports.n > PORTS_MAX)
		r = err_say(err, EINVAL, "-p: more than %d ports", PORTS_MAX);
	for (size_t i = 0; r == 0 && i < options->ports.n; i++)
		r = parse_port(options->ports.items[i], &port, err);
	return r;
}

/* --- What config.json says of it --- */

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "cannot make the network");
}

/* linux.namespaces gets a network with this path, in place of one that it has. */
static int set_namespace(struct json_object *config, const char *path, struct err *err)
{
	struct json_object *linux_part, *list, *entry = NULL;
	int r = config_object(config, "linux", &linux_part, err);

	if (r < 0)
		return r;
	list = json_object_object_get(linux_part, "namespaces");
	if (!list) {
		list = json_object_new_array();
		if (!list || json_object_object_add(linux_part, "namespaces", list) < 0)
			return no_memory(err);
	}
	if (!json_object_is_type(list, json_type_array))
		return err_say(err, EINVAL, "config.json: linux.namespaces is no array");
	for (size_t i = 0; i < json_object_array_length(list) && !entry; i++) {
		struct json_object *each = json_object_array_get_idx(list, i);
		struct json_object *type = json_object_object_get(each, "type");

		if (type && strcmp(json_object_get_string(type), "network") == 0)
			entry = each;
	}
	if (!entry) {
		entry = json_object_new_object();
		if (!entry || json_object_array_add(list, entry) < 0)
			return no_memory(err);
		r = config_set_string(entry, "type", "network", err);
	}
	return r < 0 ? r : config_set_string(entry, "path", path, err);
}

/* --- CNI --- */

static int record_file(const char *namespace, const char *id, char *ret_path, struct err *err)
{
	char name[RECORD_ID_MAX + 8];

	(void)snprintf(name, sizeof(name), ".net-%s", id);
	return paths_sandbox(namespace, name, NULL, ret_path, err);
}

static struct json_object *port_mappings(const struct network_options *options)
{
	struct json_object *array = options->ports.n ? json_object_new_array() : NULL;

	for (size_t i = 0; array && i < options->ports.n; i++) {
		struct json_object *row = json_object_new_object();
		struct port port;

		if (parse_port(options->ports.items[i], &port, NULL) < 0)
			continue;
		json_object_object_add(row, "hostPort", json_object_new_int((int)port.host));
		json_object_object_add(row, "containerPort", json_object_new_int((int)port.guest));
		json_object_object_add(row, "protocol",
				       json_object_new_string(port.udp ? "udp" : "tcp"));
		json_object_array_add(array, row);
	}
	return array;
}

/* Written before anything is made, and again with the plugins' result. Takes no reference. */
static int write_record(const char *path, const char *netns, struct json_object *list,
			struct json_object *ports, struct json_object *result, struct err *err)
{
	struct json_object *object = json_object_new_object();
	const char *text;
	int r;

	if (!object)
		return no_memory(err);
	json_object_object_add(object, "netns", json_object_new_string(netns));
	json_object_object_add(object, "list", json_object_get(list));
	json_object_object_add(object, "portMappings", json_object_get(ports));
	json_object_object_add(object, "result", json_object_get(result));
	text = json_object_to_json_string(object);
	r = text ? file_write_atomic(path, text, strlen(text), 0600, err) : no_memory(err);
	json_object_put(object);
	return r;
}

static int attach_cni(struct json_object *list, struct json_object *ports,
		      const struct record *record, struct json_object *config,
		      struct json_object **ret_result, struct err *err)
{
	char path[PATHS_MAX], netns[PATHS_MAX];
	struct cni_attachment attachment = {
		.container_id = record->id,
		.netns = netns,
		.interface = INTERFACE,
		.port_mappings = ports,
	};
	int r = record_file(record->namespace, record->id, path, err);

	netns_path(record->namespace, record->id, netns);
	if (r == 0)
		r = write_record(path, netns, list, ports, NULL, err);
	if (r == 0)
		r = netns_make(netns, err);
	if (r == 0)
		r = cni_add(list, &attachment, ret_result, err);
	if (*ret_result && write_record(path, netns, list, ports, *ret_result, NULL) < 0)
		log_warn("cannot write down the result of network %s", cni_name(list));
	return r < 0 ? r : set_namespace(config, netns, err);
}

static int make_cni(const struct network_options *options, const char *name,
		    const struct record *record, struct json_object *config, struct err *err)
{
	struct json_object *list = NULL, *result = NULL;
	struct json_object *ports = port_mappings(options);
	int r;

	if (geteuid() != 0) {
		json_object_put(ports);
		return err_say(err, EPERM,
			       "--net cni needs root, to make network namespaces; --net user does "
			       "not");
	}
	r = cni_load(name, &list, err);
	if (r == 0)
		r = attach_cni(list, ports, record, config, &result, err);
	if (r == 0)
		r = resolv_add(record, config, json_object_object_get(result, "dns"), NULL, err);
	json_object_put(result);
	json_object_put(ports);
	json_object_put(list);
	return r;
}

/* --- Without privileges --- */

static int make_user(const struct network_options *options, const char *program,
		     struct launch *launch, struct json_object *config, struct err *err)
{
	char *publish = launch->network.publish;
	size_t len = 0;

	launch->network.user = program;
	for (size_t i = 0; i < options->ports.n; i++) {
		struct port port;
		int r = parse_port(options->ports.items[i], &port, err);

		if (r < 0)
			return r;
		len += (size_t)snprintf(publish + len, LAUNCH_PUBLISH_MAX - len, "%s%u:%u/%s",
					len ? "," : "", port.host, port.guest,
					port.udp ? "udp" : "tcp");
		if (len >= LAUNCH_PUBLISH_MAX)
			return err_say(err, EINVAL, "-p: too many ports");
	}
	return resolv_add(&launch->record, config, NULL, NETWORK_USER_DNS, err);
}

int network_make(const struct network_options *options, struct launch *launch,
		 struct json_object *config, struct err *err)
{
	enum kind kind = KIND_NONE;
	const char *rest;
	int r = parse_kind(options->net, &kind, &rest, err);

	if (r < 0)
		return r;
	launch->network.model = options->model;
	switch (kind) {
	case KIND_CNI:
		return make_cni(options, rest, &launch->record, config, err);
	case KIND_USER:
		return make_user(options, rest, launch, config, err);
	case KIND_NETNS:
		r = set_namespace(config, rest, err);
		return r < 0 ? r : resolv_add(&launch->record, config, NULL, NULL, err);
	case KIND_NONE:
		break;
	}
	return 0;
}

static void remove_cni(struct json_object *object, const char *id)
{
	struct json_object *list = json_object_object_get(object, "list");
	struct json_object *netns = json_object_object_get(object, "netns");
	struct cni_attachment attachment = {
		.container_id = id,
		.netns = netns ? json_object_get_string(netns) : "",
		.interface = INTERFACE,
		.port_mappings = json_object_object_get(object, "portMappings"),
	};
	struct err err = ERR_INIT;

	if (cni_delete(list, &attachment, json_object_object_get(object, "result"), &err) < 0)
		log_warn("%s", err_text(&err));
	err = ERR_INIT;
	if (netns_remove(attachment.netns, &err) < 0)
		log_warn("%s", err_text(&err));
}

void network_remove(const char *namespace, const char *id)
{
	struct json_object *object;
	struct err err = ERR_INIT;
	char path[PATHS_MAX];

	if (record_file(namespace, id, path, NULL) < 0 || access(path, F_OK) < 0)
		return;
	if (config_read_object(path, &object, &err) < 0) {
		log_warn("%s", err_text(&err));
		return;
	}
	remove_cni(object, id);
	json_object_put(object);
	if (unlink(path) < 0)
		log_warn("cannot remove %s: %s", path, strerror(errno));
}
