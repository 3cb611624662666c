/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json as the command line changes it. Only what an option touches is looked at here;
 * whether the whole is valid is the shim's and the agent's to say.
 */
#ifndef KATA_LIKE_CLI_CONFIG_H
#define KATA_LIKE_CLI_CONFIG_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "lib/err.h"

/* The options about a process that `run` and `exec` share. */
struct process_options {
	struct option_list env;
	const char *workdir;
	const char *user;
	bool terminal;
	bool interactive;
};

#define PROCESS_OPTION_ROWS(t, field)                                                             \
	OPTION_LIST(t, field.env, 'e', "env", "K=V",                                              \
		    "set an environment variable; K alone takes its value from here"),            \
		OPTION_VALUE(t, field.workdir, 'w', "workdir", "DIR", "start in this directory"), \
		OPTION_VALUE(t, field.user, 'u', "user", "USER[:GROUP]",                          \
			     "run as this user (name or number)"),                                \
		OPTION_FLAG(t, field.terminal, 't', "tty", "give the command a terminal"),        \
		OPTION_FLAG(t, field.interactive, 'i', "interactive",                             \
			    "pass standard input to the command")

/*
 * Reads BUNDLE/config.json and makes root.path absolute, so that it can be used from elsewhere; the
 * bundle is not written to. The object is the caller's.
 */
int config_load(const char *bundle, struct json_object **ret_config, struct err *err) _must_check_;

/* The file's JSON object, wherever it is; "-" is standard input. The caller's. */
int config_read_object(const char *path, struct json_object **ret_object, struct err *err)
	_must_check_;

/* An object's member of type object, made when it is absent. Borrowed. */
int config_object(struct json_object *parent, const char *key, struct json_object **ret_object,
		  struct err *err) _must_check_;

/* root.path, or NULL. Borrowed from config. */
const char *config_root_path(struct json_object *config);
int config_set_root(struct json_object *config, const char *path, struct err *err) _must_check_;
int config_set_read_only(struct json_object *config, struct err *err) _must_check_;

int config_set_annotation(struct json_object *config, const char *key, const char *value,
			  struct err *err) _must_check_;
/* Takes the mount over, also when it fails. */
int config_add_mount(struct json_object *config, struct json_object *mount, struct err *err)
	_must_check_;
int config_set_string(struct json_object *object, const char *key, const char *value,
		      struct err *err) _must_check_;

/* Changes a process object; root_path is where users are looked up. */
int process_apply(struct json_object *process, const struct process_options *options,
		  const char *root_path, struct err *err) _must_check_;
int process_set_args(struct json_object *process, char **args, size_t n_args, struct err *err)
	_must_check_;
/* Sets NAME=value unless env names it already. */
int process_default_env(struct json_object *process, const char *name, const char *value,
			struct err *err) _must_check_;
/* Adds "NET_ADMIN" or "CAP_NET_ADMIN" to all five sets, so that any user has it. */
int process_add_capability(struct json_object *process, const char *name, struct err *err)
	_must_check_;
int process_set_no_new_privileges(struct json_object *process, struct err *err) _must_check_;
bool process_terminal(struct json_object *process);
int process_set_console_size(struct json_object *process, uint32_t columns, uint32_t rows,
			     struct err *err) _must_check_;

#endif
