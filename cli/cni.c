/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of CNI plugins. */
#include "cli/cni.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cli/config.h"
#include "cli/signals.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/paths.h"
#include "oci/json.h"

#define CONF_DIR   "/etc/cni/net.d"
#define CNI_PATHS  "/opt/cni/bin:/usr/lib/cni"
#define OUTPUT_MAX 262144
#define NAMES_MAX  64

static const char *environment_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && *value ? value : otherwise;
}

static const char *string_of(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

static struct json_object *plugins_of(struct json_object *list)
{
	return json_object_object_get(list, "plugins");
}

const char *cni_name(struct json_object *list)
{
	return string_of(list, "name");
}

/* --- Configuration --- */

static bool has_ending(const char *name, const char *ending)
{
	size_t len = strlen(name), ending_len = strlen(ending);

	return len > ending_len && strcmp(name + len - ending_len, ending) == 0;
}

static int is_configuration(const struct dirent *entry)
{
	return has_ending(entry->d_name, ".conflist") || has_ending(entry->d_name, ".conf") ||
	       has_ending(entry->d_name, ".json");
}

/* Makes a list of one of a plugin's configuration. Takes object over in every case. */
static int as_list(const char *path, struct json_object *object, struct json_object **ret_list,
		   struct err *err)
{
	struct json_object *list, *plugins, *version;

	if (json_object_is_type(plugins_of(object), json_type_array) &&
	    json_object_array_length(plugins_of(object)) > 0) {
		*ret_list = object;
		return 0;
	}
	if (!*string_of(object, "type")) {
		json_object_put(object);
		return err_say(err, EINVAL, "%s: has neither \"plugins\" nor \"type\"", path);
	}
	list = json_object_new_object();
	plugins = json_object_new_array();
	version = json_object_object_get(object, "cniVersion");
	if (!list || !plugins || json_object_array_add(plugins, json_object_get(object)) < 0 ||
	    json_object_object_add(list, "plugins", plugins) < 0 ||
	    json_object_object_add(list, "name", json_object_new_string(cni_name(object))) < 0 ||
	    json_object_object_add(list, "cniVersion", json_object_get(version)) < 0) {
		json_object_put(list);
		json_object_put(object);
		return err_set(err, ENOMEM, "%s", path);
	}
	json_object_put(object);
	*ret_list = list;
	return 0;
}

static int load_file(const char *dir, const char *file, struct json_object **ret_list,
		     struct err *err)
{
	struct json_object *object;
	char path[PATHS_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	r = config_read_object(path, &object, err);
	return r < 0 ? r : as_list(path, object, ret_list, err);
}

/* 1 found, 0 not. A file that is not the one looked for may be broken. */
static int try_file(const char *dir, const char *file, const char *name,
		    struct json_object **ret_list, struct err *err)
{
	struct json_object *list = NULL;
	int r = load_file(dir, file, &list, name ? NULL : err);

	if (r < 0) {
		if (name)
			log_debug("skipped %s/%s", dir, file);
		return name ? 0 : r;
	}
	if (!name || strcmp(cni_name(list), name) == 0) {
		*ret_list = list;
		return 1;
	}
	json_object_put(list);
	return 0;
}

int cni_load(const char *name, struct json_object **ret_list, struct err *err)
{
	const char *dir = environment_or("NETCONFPATH", CONF_DIR);
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_configuration, alphasort), r = 0;

	if (n < 0 && errno != ENOENT)
		return err_set(err, errno, "cannot look for CNI networks in %s", dir);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = try_file(dir, entries[i]->d_name, name, ret_list, err);
		free(entries[i]);
	}
	free(entries);
	if (r != 0)
		return r < 0 ? r : 0;
	if (name)
		return err_say(err, ENOENT,
			       "no CNI network is called \"%s\": none of the files in %s has that "
			       "name in it",
			       name, dir);
	return err_say(
		err, ENOENT,
		"there is no CNI network: %s holds no configuration; docs/NETWORK.md has one "
		"to begin with",
		dir);
}

/* --- Calling a plugin --- */

static int find_program(const char *type, char *ret_path, struct err *err)
{
	const char *paths = environment_or("CNI_PATH", CNI_PATHS);
	_cleanup_free_ char *copy = strdup(paths);
	char *save = NULL;

	if (!copy)
		return err_set(err, ENOMEM, "CNI plugin %s", type);
	if (!*type || strchr(type, '/'))
		return err_say(err, EINVAL, "\"%s\" is not the name of a CNI plugin", type);
	for (char *dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		(void)snprintf(ret_path, PATHS_MAX, "%s/%s", dir, type);
		if (access(ret_path, X_OK) == 0)
			return 0;
	}
	return err_say(err, ENOENT,
		       "the CNI plugin %s is in none of %s; install the package "
		       "containernetworking-plugins, or name its folder by CNI_PATH",
		       type, paths);
}

/* The environment is the child's own by then. */
_noreturn_ static void exec_plugin(const char *program, const char *command,
				   const struct cni_attachment *attachment, const int fds[3])
{
	signals_reset_for_exec();
	if (setenv("CNI_COMMAND", command, 1) == 0 &&
	    setenv("CNI_CONTAINERID", attachment->container_id, 1) == 0 &&
	    setenv("CNI_NETNS", attachment->netns, 1) == 0 &&
	    setenv("CNI_IFNAME", attachment->interface, 1) == 0 &&
	    setenv("CNI_PATH", environment_or("CNI_PATH", CNI_PATHS), 1) == 0 &&
	    unsetenv("CNI_ARGS") == 0 && dup2(fds[0], 0) == 0 && dup2(fds[1], 1) == 1 &&
	    dup2(fds[2], 2) == 2)
		(void)execl(program, program, (char *)NULL);
	_exit(127);
}

static int open_streams(const char *input, int fds[3], struct err *err)
{
	for (int i = 0; i < 3; i++) {
		fds[i] = memfd_create("cni", MFD_CLOEXEC);
		if (fds[i] < 0)
			return err_set(err, errno, "cannot call CNI plugins");
	}
	if (fd_write_full(fds[0], input, strlen(input)) < 0 || lseek(fds[0], 0, SEEK_SET) < 0)
		return err_set(err, EIO, "cannot call CNI plugins");
	return 0;
}

static char *read_back(int fd)
{
	char *text = malloc(OUTPUT_MAX);
	ssize_t n = text ? fd_pread_full(fd, text, OUTPUT_MAX - 1, 0) : -1;

	if (text)
		text[n > 0 ? n : 0] = '\0';
	return text;
}

/* What a failed plugin has to say: an error object, or text on standard error. */
static int complain(const char *type, const char *command, const char *out, const char *complaint,
		    struct err *err)
{
	struct json_object *object = out && *out ? json_tokener_parse(out) : NULL;
	const char *message = string_of(object, "msg"), *details = string_of(object, "details");

	if (*message)
		(void)err_say(err, EIO, "CNI plugin %s (%s): %s%s%s", type, command, message,
			      *details ? ": " : "", details);
	else
		(void)err_say(err, EIO, "CNI plugin %s (%s) failed: %.300s", type, command,
			      complaint && *complaint ? complaint : "it said nothing");
	json_object_put(object);
	return -EIO;
}

static int call(struct json_object *config, const char *command,
		const struct cni_attachment *attachment, char **ret_out, struct err *err)
{
	const char *type = string_of(config, "type");
	int fds[3] = { -1, -1, -1 }, wait_status = 0;
	_cleanup_free_ char *out = NULL, *complaint = NULL;
	char program[PATHS_MAX];
	pid_t pid;
	int r = find_program(type, program, err);

	if (r == 0)
		r = open_streams(json_object_to_json_string(config), fds, err);
	if (r == 0) {
		pid = fork();
		if (pid == 0)
			exec_plugin(program, command, attachment, fds);
		while (pid > 0 && waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
			;
		if (pid < 0)
			r = err_set(err, errno, "cannot run %s", program);
	}
	if (r == 0) {
		out = read_back(fds[1]);
		complaint = read_back(fds[2]);
		if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
			r = complain(type, command, out, complaint, err);
	}
	for (int i = 0; i < 3; i++)
		cleanup_fd(&fds[i]);
	if (r == 0)
		*ret_out = TAKE_PTR(out);
	return r;
}

/* --- A list of plugins --- */

static bool takes_ports(struct json_object *plugin)
{
	struct json_object *capabilities = json_object_object_get(plugin, "capabilities");

	return json_object_get_boolean(json_object_object_get(capabilities, "portMappings"));
}

/* A plugin's configuration as it gets it. The caller's; NULL when out of memory. */
static struct json_object *complete(struct json_object *list, struct json_object *plugin,
				    const struct cni_attachment *attachment,
				    struct json_object *previous)
{
	struct json_object *config = NULL, *runtime;
	struct json_object *version = json_object_object_get(list, "cniVersion");

	if (json_object_deep_copy(plugin, &config, NULL) < 0)
		return NULL;
	json_object_object_add(config, "name", json_object_new_string(cni_name(list)));
	json_object_object_add(config, "cniVersion",
			       version ? json_object_get(version)
				       : json_object_new_string("0.4.0"));
	if (previous)
		json_object_object_add(config, "prevResult", json_object_get(previous));
	if (attachment->port_mappings && takes_ports(plugin)) {
		runtime = json_object_new_object();
		json_object_object_add(runtime, "portMappings",
				       json_object_get(attachment->port_mappings));
		json_object_object_add(config, "runtimeConfig", runtime);
	}
	/* For the plugin's caller, not for it. */
	json_object_object_del(config, "capabilities");
	return config;
}

static int call_one(struct json_object *list, size_t index, const char *command,
		    const struct cni_attachment *attachment, struct json_object *previous,
		    char **ret_out, struct err *err)
{
	struct json_object *plugin = json_object_array_get_idx(plugins_of(list), index);
	struct json_object *config = complete(list, plugin, attachment, previous);
	int r;

	if (!config)
		return err_set(err, ENOMEM, "cannot call CNI plugins");
	r = call(config, command, attachment, ret_out, err);
	json_object_put(config);
	return r < 0 ? err_push(err, "network %s", cni_name(list)) : 0;
}

static int check_ports(struct json_object *list, const struct cni_attachment *attachment,
		       struct err *err)
{
	for (size_t i = 0; i < json_object_array_length(plugins_of(list)); i++)
		if (takes_ports(json_object_array_get_idx(plugins_of(list), i)))
			return 0;
	if (!attachment->port_mappings)
		return 0;
	return err_say(err, EINVAL,
		       "network %s cannot publish ports: add {\"type\": \"portmap\", "
		       "\"capabilities\": {\"portMappings\": true}} to its plugins",
		       cni_name(list));
}

int cni_add(struct json_object *list, const struct cni_attachment *attachment,
	    struct json_object **ret_result, struct err *err)
{
	struct json_object *result = NULL;
	int r = check_ports(list, attachment, err);

	for (size_t i = 0; r == 0 && i < json_object_array_length(plugins_of(list)); i++) {
		_cleanup_free_ char *out = NULL;
		struct json_object *next;

		r = call_one(list, i, "ADD", attachment, result, &out, err);
		if (r < 0)
			break;
		next = json_tokener_parse(out);
		if (!json_object_is_type(next, json_type_object)) {
			json_object_put(next);
			r = err_say(err, EPROTO, "network %s: plugin %zu printed no result",
				    cni_name(list), i);
			break;
		}
		json_object_put(result);
		result = next;
	}
	*ret_result = result;
	return r;
}

int cni_delete(struct json_object *list, const struct cni_attachment *attachment,
	       struct json_object *result, struct err *err)
{
	int first = 0;

	for (size_t i = json_object_array_length(plugins_of(list)); i-- > 0;) {
		_cleanup_free_ char *out = NULL;
		int r = call_one(list, i, "DEL", attachment, result, &out, first == 0 ? err : NULL);

		if (first == 0)
			first = r;
	}
	return first;
}
