/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: the default one, a bundle's, and what options change in them. */
#include "tests/unit/test.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/spec-default.h"
#include "cli/user.h"
#include "lib/fd.h"

struct fixture {
	char root[64];
};

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", f->root, name);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static int set_up(void **state)
{
	static struct fixture f;
	char path[128];

	(void)snprintf(f.root, sizeof(f.root), "/tmp/kata-like-config-XXXXXX");
	assert_non_null(mkdtemp(f.root));
	(void)snprintf(path, sizeof(path), "%s/etc", f.root);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file(
		&f, "etc/passwd",
		"root:x:0:0:root:/root:/bin/sh\nbroken line\nbob:x:1000:100:Bob:/home/bob:/bin/sh\n"
		"evil:x:4294967295:0::/:/bin/sh\n");
	write_file(&f, "etc/group",
		   "users:x:100:\nwheel:x:10:alice,bob\naudio:x:29:bobby\n"
		   "disk:x:6:bob\n");
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	const struct fixture *f = *state;

	return dir_remove(f->root, NULL);
}

static const char *text_of(struct json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void users_are_found_in_the_containers_own_files(void **state)
{
	const struct fixture *f = *state;
	struct user user;

	assert_int_equal(user_find(f->root, "bob", &user, NULL), 0);
	assert_int_equal(user.uid, 1000);
	assert_int_equal(user.gid, 100);
	assert_int_equal(user.n_groups, 2);
	assert_int_equal(user.groups[0], 10);
	assert_int_equal(user.groups[1], 6);
	assert_string_equal(user.home, "/home/bob");
	assert_int_equal(user_find(f->root, "1000", &user, NULL), 0);
	assert_int_equal(user.gid, 100);
	assert_int_equal(user_find(f->root, "1234", &user, NULL), 0);
	assert_int_equal(user.uid, 1234);
	assert_int_equal(user.gid, 0);
	assert_string_equal(user.home, "/");
	assert_int_equal(user_find(f->root, "bob:wheel", &user, NULL), 0);
	assert_int_equal(user.gid, 10);
	assert_int_equal(user.n_groups, 0);
	assert_int_equal(user_find(f->root, "7:8", &user, NULL), 0);
	assert_int_equal(user.gid, 8);
}

static void unknown_and_malformed_users_are_refused(void **state)
{
	const struct fixture *f = *state;
	struct user user;

	assert_int_equal(user_find(f->root, "nobody", &user, NULL), -ENOENT);
	assert_int_equal(user_find(f->root, "evil", &user, NULL), -ENOENT);
	assert_int_equal(user_find(f->root, "bob:nogroup", &user, NULL), -ENOENT);
	assert_int_equal(user_find(f->root, "", &user, NULL), -EINVAL);
	assert_int_equal(user_find(f->root, ":7", &user, NULL), -EINVAL);
	assert_int_equal(user_find(f->root, "7:", &user, NULL), -EINVAL);
}

static void a_link_in_the_root_does_not_lead_out_of_it(void **state)
{
	const struct fixture *f = *state;
	char path[128];
	struct user user;

	(void)snprintf(path, sizeof(path), "%s/etc/passwd", f->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd-of-host", path), 0);
	write_file(f, "etc/passwd-of-host", "inside:x:42:42::/in:/bin/sh\n");
	assert_int_equal(user_find(f->root, "inside", &user, NULL), 0);
	assert_int_equal(user.uid, 42);
}

static void the_default_has_no_network_namespace(void **state)
{
	struct json_object *config;

	(void)state;
	assert_int_equal(spec_default(&config, NULL), 0);
	assert_string_equal(
		text_of(json_object_object_get(json_object_object_get(config, "linux"),
					       "namespaces")),
		"[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
		"{\"type\":\"cgroup\"}]");
	assert_int_equal(json_object_array_length(json_object_object_get(config, "mounts")), 7);
	json_object_put(config);
}

static void options_change_the_process(void **state)
{
	const struct fixture *f = *state;
	const char *env[] = { "A=1", "PATH=/bin", "A=2", "KATA_LIKE_TEST_UNSET", "HOST" };
	struct process_options options = {
		.env = { env, ARRAY_SIZE(env) }, .workdir = "/srv", .user = "bob", .terminal = true
	};
	char *args[] = { (char *)"ls", (char *)"-l" };
	struct json_object *config, *process;

	setenv("HOST", "here", 1);
	unsetenv("KATA_LIKE_TEST_UNSET");
	assert_int_equal(spec_default(&config, NULL), 0);
	assert_int_equal(config_object(config, "process", &process, NULL), 0);
	assert_int_equal(process_apply(process, &options, f->root, NULL), 0);
	assert_int_equal(process_set_args(process, args, 2, NULL), 0);
	assert_int_equal(process_set_console_size(process, 80, 25, NULL), 0);
	assert_string_equal(text_of(json_object_object_get(process, "env")),
			    "[\"PATH=/bin\",\"A=2\",\"HOST=here\",\"HOME=/home/bob\"]");
	assert_string_equal(text_of(json_object_object_get(process, "user")),
			    "{\"uid\":1000,\"gid\":100,\"additionalGids\":[10,6]}");
	assert_string_equal(text_of(json_object_object_get(process, "args")), "[\"ls\",\"-l\"]");
	assert_string_equal(text_of(json_object_object_get(process, "cwd")), "\"/srv\"");
	assert_string_equal(text_of(json_object_object_get(process, "consoleSize")),
			    "{\"width\":80,\"height\":25}");
	assert_true(process_terminal(process));
	json_object_put(config);
}

static void relative_directories_and_nameless_variables_are_refused(void **state)
{
	const struct fixture *f = *state;
	const char *env[] = { "=x" };
	struct process_options relative = { .workdir = "srv" };
	struct process_options nameless = { .env = { env, 1 } };
	struct json_object *process = json_object_new_object();

	assert_int_equal(process_apply(process, &relative, f->root, NULL), -EINVAL);
	assert_int_equal(process_apply(process, &nameless, f->root, NULL), -EINVAL);
	json_object_put(process);
}

static void a_bundles_root_becomes_absolute(void **state)
{
	const struct fixture *f = *state;
	struct json_object *config;
	char expected[128];

	write_file(f, "config.json", "{\"root\":{\"path\":\"etc\"},\"annotations\":{\"a\":\"b\"}}");
	assert_int_equal(config_load(f->root, &config, NULL), 0);
	(void)snprintf(expected, sizeof(expected), "%s/etc", f->root);
	assert_string_equal(config_root_path(config), expected);
	assert_int_equal(config_set_annotation(config, "c", "d", NULL), 0);
	assert_string_equal(text_of(json_object_object_get(config, "annotations")),
			    "{\"a\":\"b\",\"c\":\"d\"}");
	json_object_put(config);
}

static void a_bundle_of_the_wrong_shape_is_refused_by_name(void **state)
{
	static const struct {
		const char *text, *complaint;
		int code;
	} bad[] = {
		{ "[]", "must be a JSON object", -EINVAL },
		{ "{\"root\":7}", "root.path must be a string", -EINVAL },
		{ "{\"root\":{\"path\":[]}}", "root.path must be a string", -EINVAL },
		{ "{\"root\":{\"path\":\"nowhere\"}}", "nowhere", -ENOENT },
		{ "{", "config.json", -EINVAL },
	};
	const struct fixture *f = *state;
	struct json_object *config;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		write_file(f, "config.json", bad[i].text);
		assert_int_equal(config_load(f->root, &config, &err), bad[i].code);
		assert_non_null(strstr(err_text(&err), bad[i].complaint));
	}
}

static void a_member_of_the_wrong_type_is_refused_by_name(void **state)
{
	struct json_object *config = json_tokener_parse("{\"process\":[],\"mounts\":{}}");
	struct json_object *process;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(config_object(config, "process", &process, &err), -EINVAL);
	assert_string_equal(err_text(&err),
			    "config.json: \"process\" must be an object, is of type array");
	assert_int_equal(config_add_mount(config, json_object_new_object(), &err), -EINVAL);
	json_object_put(config);
}

static void a_capability_is_added_to_each_set_once(void **state)
{
	struct json_object *process =
		json_tokener_parse("{\"capabilities\":{\"effective\":[\"CAP_KILL\"]}}");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(process_add_capability(process, "KILL", &err), 0);
	assert_int_equal(process_add_capability(process, "CAP_CHOWN", &err), 0);
	assert_int_equal(process_set_no_new_privileges(process, &err), 0);
	assert_string_equal(json_object_to_json_string_ext(process, JSON_C_TO_STRING_PLAIN),
			    "{\"capabilities\":{\"effective\":[\"CAP_KILL\",\"CAP_CHOWN\"],"
			    "\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],"
			    "\"permitted\":[\"CAP_KILL\",\"CAP_CHOWN\"],"
			    "\"inheritable\":[\"CAP_KILL\",\"CAP_CHOWN\"],"
			    "\"ambient\":[\"CAP_KILL\",\"CAP_CHOWN\"]},\"noNewPrivileges\":true}");
	json_object_put(process);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_ROOT(users_are_found_in_the_containers_own_files),
		WITH_ROOT(unknown_and_malformed_users_are_refused),
		WITH_ROOT(a_link_in_the_root_does_not_lead_out_of_it),
		cmocka_unit_test(the_default_has_no_network_namespace),
		WITH_ROOT(options_change_the_process),
		WITH_ROOT(relative_directories_and_nameless_variables_are_refused),
		WITH_ROOT(a_bundles_root_becomes_absolute),
		WITH_ROOT(a_bundle_of_the_wrong_shape_is_refused_by_name),
		cmocka_unit_test(a_member_of_the_wrong_type_is_refused_by_name),
		cmocka_unit_test(a_capability_is_added_to_each_set_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
