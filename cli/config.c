/* SPDX-License-Identifier: Apache-2.0 */
/* config.json as the command line changes it. */
#include "cli/config.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json_util.h>
#include <string.h>

#include "cli/user.h"
#include "lib/fd.h"
#include "lib/paths.h"
#include "oci/json.h"

#define NO_MEMORY "out of memory while making config.json"

/* Adds value under key, which takes it over in every case. */
static int object_add(struct json_object *object, const char *key, struct json_object *value,
		      struct err *err)
{
	return json_add(object, key, value) == 0 ? 0 : err_say(err, ENOMEM, NO_MEMORY);
}

static int array_add(struct json_object *array, struct json_object *value, struct err *err)
{
	if (value && json_object_array_add(array, value) == 0)
		return 0;
	json_object_put(value);
	return err_say(err, ENOMEM, NO_MEMORY);
}

/* The member of this type, made by make() when it is absent. */
static int member(struct json_object *parent, const char *key, enum json_type type,
		  struct json_object *(*make)(void), struct json_object **ret_member,
		  struct err *err)
{
	struct json_object *found = json_object_object_get(parent, key);
	int r;

	if (!found) {
		found = make();
		r = object_add(parent, key, found, err);
		if (r < 0)
			return r;
	} else if (json_object_get_type(found) != type) {
		return err_say(err, EINVAL, "config.json: \"%s\" must be an %s, is of type %s", key,
			       json_type_to_name(type),
			       json_type_to_name(json_object_get_type(found)));
	}
	*ret_member = found;
	return 0;
}

int config_object(struct json_object *parent, const char *key, struct json_object **ret_object,
		  struct err *err)
{
	return member(parent, key, json_type_object, json_object_new_object, ret_object, err);
}

static int config_array(struct json_object *parent, const char *key, struct json_object **ret_array,
			struct err *err)
{
	return member(parent, key, json_type_array, json_object_new_array, ret_array, err);
}

int config_set_string(struct json_object *object, const char *key, const char *value,
		      struct err *err)
{
	return object_add(object, key, json_object_new_string(value), err);
}

/* Standard input has no size and no path to open. */
static int read_stdin(char **ret_text, size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *text = malloc(JSON_MAX_BYTES + 1);
	ssize_t n;

	if (!text)
		return err_set(err, ENOMEM, "standard input");
	n = fd_read_full(STDIN_FILENO, text, JSON_MAX_BYTES);
	if (n < 0)
		return err_set(err, (int)-n, "cannot read standard input");
	text[n] = '\0';
	*ret_len = (size_t)n;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static int parse_object(const char *path, const char *text, size_t len,
			struct json_object **ret_object, struct err *err)
{
	struct json_object *object = NULL;
	int r = json_parse(path, text, len, &object, err);

	if (r < 0)
		return r;
	if (json_object_get_type(object) != json_type_object) {
		json_object_put(object);
		return err_say(err, EINVAL, "%s: must be a JSON object", path);
	}
	*ret_object = object;
	return 0;
}

int config_read_object(const char *path, struct json_object **ret_object, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if (!strcmp(path, "-"))
		r = read_stdin(&text, &len, err);
	else
		r = file_read(AT_FDCWD, path, JSON_MAX_BYTES, &text, &len, err);
	return r < 0 ? r : parse_object(path, text, len, ret_object, err);
}

const char *config_root_path(struct json_object *config)
{
	struct json_object *root = json_object_object_get(config, "root");
	struct json_object *path = NULL;

	if (json_object_get_type(root) == json_type_object)
		path = json_object_object_get(root, "path");
	return json_object_get_type(path) == json_type_string ? json_object_get_string(path) : NULL;
}

int config_set_root(struct json_object *config, const char *path, struct err *err)
{
	struct json_object *root = NULL;
	int r = config_object(config, "root", &root, err);

	return r < 0 ? r : config_set_string(root, "path", path, err);
}

int config_set_read_only(struct json_object *config, struct err *err)
{
	struct json_object *root = NULL;
	int r = config_object(config, "root", &root, err);

	return r < 0 ? r : object_add(root, "readonly", json_object_new_boolean(1), err);
}

static int make_root_absolute(const char *bundle, struct json_object *config, struct err *err)
{
	_cleanup_free_ char *absolute = NULL;
	char joined[PATHS_MAX * 2];
	const char *path = config_root_path(config);

	if (!path)
		return err_say(err, EINVAL, "%s/config.json: root.path must be a string", bundle);
	(void)snprintf(joined, sizeof(joined), "%s%s%s", path[0] == '/' ? "" : bundle,
		       path[0] == '/' ? "" : "/", path);
	absolute = realpath(joined, NULL);
	if (!absolute)
		return err_set(err, errno, "root filesystem %s (root.path of %s/config.json)",
			       joined, bundle);
	return config_set_root(config, absolute, err);
}

int config_load(const char *bundle, struct json_object **ret_config, struct err *err)
{
	char path[PATHS_MAX];
	struct json_object *config = NULL;
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	if (snprintf(path, sizeof(path), "%s/config.json", bundle) >= (int)sizeof(path))
		return err_set(err, ENAMETOOLONG, "bundle %s", bundle);
	r = file_read_regular(path, JSON_MAX_BYTES, &text, &len, err);
	if (r == 0)
		r = parse_object(path, text, len, &config, err);
	if (r == -ENOENT)
		return err_hint(err, "a bundle is a folder with config.json in it, which "
				     "`kata-like spec` can write");
	if (r < 0)
		return r;
	r = make_root_absolute(bundle, config, err);
	if (r < 0) {
		json_object_put(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

int config_set_annotation(struct json_object *config, const char *key, const char *value,
			  struct err *err)
{
	struct json_object *annotations = NULL;
	int r = config_object(config, "annotations", &annotations, err);

	return r < 0 ? r : config_set_string(annotations, key, value, err);
}

int config_add_mount(struct json_object *config, struct json_object *mount, struct err *err)
{
	struct json_object *mounts = NULL;
	int r = config_array(config, "mounts", &mounts, err);

	if (r < 0) {
		json_object_put(mount);
		return r;
	}
	return array_add(mounts, mount, err);
}

/* Where env has NAME=…, or SIZE_MAX. */
static size_t env_find(struct json_object *env, const char *name, size_t len)
{
	for (size_t i = 0; i < json_object_array_length(env); i++) {
		const char *pair = json_object_get_string(json_object_array_get_idx(env, i));

		if (pair && !strncmp(pair, name, len) && pair[len] == '=')
			return i;
	}
	return SIZE_MAX;
}

static int env_set(struct json_object *env, const char *pair, struct err *err)
{
	size_t len = strcspn(pair, "=");
	size_t at = env_find(env, pair, len);
	struct json_object *text = json_object_new_string(pair);

	if (at == SIZE_MAX)
		return array_add(env, text, err);
	if (text && json_object_array_put_idx(env, at, text) == 0)
		return 0;
	json_object_put(text);
	return err_say(err, ENOMEM, NO_MEMORY);
}

/* K=V as it is; K alone with the value it has here, and nothing where it has none. */
static int env_apply(struct json_object *env, const char *text, struct err *err)
{
	_cleanup_free_ char *pair = NULL;
	const char *value;

	if (text[0] == '=' || !text[0])
		return err_say(err, EINVAL, "--env \"%s\": write it as NAME=VALUE", text);
	if (strchr(text, '='))
		return env_set(env, text, err);
	value = getenv(text);
	if (!value)
		return 0;
	if (asprintf(&pair, "%s=%s", text, value) < 0) {
		pair = NULL;
		return err_say(err, ENOMEM, NO_MEMORY);
	}
	return env_set(env, pair, err);
}

int process_default_env(struct json_object *process, const char *name, const char *value,
			struct err *err)
{
	_cleanup_free_ char *pair = NULL;
	struct json_object *env = NULL;
	int r = config_array(process, "env", &env, err);

	if (r < 0 || env_find(env, name, strlen(name)) != SIZE_MAX)
		return r;
	if (asprintf(&pair, "%s=%s", name, value) < 0) {
		pair = NULL;
		return err_say(err, ENOMEM, NO_MEMORY);
	}
	return env_set(env, pair, err);
}

static int set_groups(struct json_object *json_user, const struct user *user, struct err *err)
{
	struct json_object *groups = NULL;
	int r;

	json_object_object_del(json_user, "additionalGids");
	if (user->n_groups == 0)
		return 0;
	r = config_array(json_user, "additionalGids", &groups, err);
	for (size_t i = 0; r == 0 && i < user->n_groups; i++)
		r = array_add(groups, json_object_new_int64(user->groups[i]), err);
	return r;
}

static int set_user(struct json_object *process, const char *text, const char *root_path,
		    struct err *err)
{
	struct json_object *json_user = NULL;
	struct user user = { 0 };
	int r = user_find(root_path, text, &user, err);

	if (r == 0)
		r = config_object(process, "user", &json_user, err);
	if (r == 0)
		r = object_add(json_user, "uid", json_object_new_int64(user.uid), err);
	if (r == 0)
		r = object_add(json_user, "gid", json_object_new_int64(user.gid), err);
	if (r == 0)
		r = set_groups(json_user, &user, err);
	return r < 0 ? r : process_default_env(process, "HOME", user.home, err);
}

int process_apply(struct json_object *process, const struct process_options *options,
		  const char *root_path, struct err *err)
{
	struct json_object *env = NULL;
	int r = config_array(process, "env", &env, err);

	for (size_t i = 0; r == 0 && i < options->env.n; i++)
		r = env_apply(env, options->env.items[i], err);
	if (r == 0 && options->workdir) {
		if (options->workdir[0] != '/')
			return err_say(err, EINVAL,
				       "--workdir %s: must be an absolute path in the container",
				       options->workdir);
		r = config_set_string(process, "cwd", options->workdir, err);
	}
	if (r == 0 && options->user)
		r = set_user(process, options->user, root_path, err);
	if (r == 0 && options->terminal)
		r = object_add(process, "terminal", json_object_new_boolean(1), err);
	return r;
}

int process_set_args(struct json_object *process, char **args, size_t n_args, struct err *err)
{
	struct json_object *array = json_object_new_array();
	int r = array ? 0 : err_say(err, ENOMEM, NO_MEMORY);

	for (size_t i = 0; r == 0 && i < n_args; i++)
		r = array_add(array, json_object_new_string(args[i]), err);
	if (r < 0) {
		json_object_put(array);
		return r;
	}
	return object_add(process, "args", array, err);
}

static int add_to_set(struct json_object *capabilities, const char *set, const char *name,
		      struct err *err)
{
	struct json_object *array = NULL;
	int r = config_array(capabilities, set, &array, err);

	for (size_t i = 0; r == 0 && i < json_object_array_length(array); i++) {
		const char *listed = json_object_get_string(json_object_array_get_idx(array, i));

		if (listed && strcmp(listed, name) == 0)
			return 0;
	}
	return r < 0 ? r : array_add(array, json_object_new_string(name), err);
}

int process_add_capability(struct json_object *process, const char *name, struct err *err)
{
	static const char *const sets[] = { "bounding", "permitted", "effective", "inheritable",
					    "ambient" };
	struct json_object *capabilities = NULL;
	_cleanup_free_ char *full = NULL;
	int r = config_object(process, "capabilities", &capabilities, err);

	if (r < 0)
		return r;
	if (asprintf(&full, "%s%s", strncmp(name, "CAP_", 4) == 0 ? "" : "CAP_", name) < 0) {
		full = NULL;
		return err_say(err, ENOMEM, NO_MEMORY);
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sets); i++)
		r = add_to_set(capabilities, sets[i], full, err);
	return r;
}

int process_set_no_new_privileges(struct json_object *process, struct err *err)
{
	return object_add(process, "noNewPrivileges", json_object_new_boolean(1), err);
}

bool process_terminal(struct json_object *process)
{
	return json_object_get_boolean(json_object_object_get(process, "terminal"));
}

int process_set_console_size(struct json_object *process, uint32_t columns, uint32_t rows,
			     struct err *err)
{
	struct json_object *size = NULL;
	int r = config_object(process, "consoleSize", &size, err);

	if (r == 0)
		r = object_add(size, "width", json_object_new_int64(columns), err);
	if (r == 0)
		r = object_add(size, "height", json_object_new_int64(rows), err);
	return r;
}
