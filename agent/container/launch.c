/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last steps of a process, inside its container's root: directory, environment, limits,
 * identity, program. Nothing here reads a path that the container could have changed with the
 * agent's powers.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/keyctl.h>

#include "agent/container/capabilities.h"
#include "agent/container/child.h"
#include "agent/container/limits.h"
#include "agent/container/listener.h"
#include "agent/container/seccomp.h"
#include "agent/container/user.h"
#include "lib/fd.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct oci_capabilities no_capabilities;

/* An exec that names no capabilities gets those of the container. */
static const struct oci_capabilities *capabilities_of(const struct child *child)
{
	const struct oci_process *own = child->spec->process;

	if (child->process->capabilities)
		return child->process->capabilities;
	return own && own->capabilities ? own->capabilities : &no_capabilities;
}

static const char *env_value(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; env && *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

static int build_environment(struct child *child, struct err *err)
{
	const struct oci_strings *given = &child->process->env;
	_cleanup_free_ char *home = NULL;
	size_t n = 0;

	child->env = calloc(given->n + 2, sizeof(*child->env));
	if (!child->env)
		return err_set(err, ENOMEM, "no memory for it");
	for (size_t i = 0; i < given->n; i++)
		child->env[n++] = given->list[i];
	if (env_value(child->env, "HOME"))
		return 0;
	home = user_home(child->process->user.uid);
	if (!home || asprintf(&child->env[n], "HOME=%s", home) < 0)
		return err_set(err, ENOMEM, "no memory for it");
	return 0;
}

static int join_keyring(struct child *child, struct err *err)
{
	char name[128];

	/* So that the container does not share the agent's keys. */
	(void)snprintf(name, sizeof(name), "_ses.%.100s", child->container->id);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS)
		return err_set(err, errno, "cannot make a session keyring");
	return 0;
}

static int set_personality(struct child *child, struct err *err)
{
	const struct oci_uint *value = &child->spec->linux_.personality;

	if (value->set && personality((unsigned long)value->value) < 0)
		return err_set(err, errno, "cannot set it");
	return 0;
}

static int set_limits(struct child *child, struct err *err)
{
	return limits_apply(child->process, err);
}

static int refuse_labels(struct child *child, struct err *err)
{
	const char *apparmor = child->process->apparmor_profile;
	const char *selinux = child->process->selinux_label;

	/* The guest kernel is built without either; a policy not enforced must not go unnoticed. */
	if (apparmor && *apparmor && strcmp(apparmor, "unconfined") != 0)
		return err_say(err, ENOTSUP,
			       "apparmorProfile \"%.64s\" cannot be set: the guest has no AppArmor",
			       apparmor);
	if (selinux && *selinux)
		return err_say(err, ENOTSUP,
			       "selinuxLabel \"%.64s\" cannot be set: the guest has no SELinux",
			       selinux);
	return 0;
}

/*
 * As root first, which a directory may be for alone; one that only the user may enter is entered
 * once we are the user.
 */
static int enter_directory(struct child *child, struct err *err)
{
	char where[PATH_MAX];

	if (child->in_cwd)
		return 0;
	if (chdir(child->process->cwd) < 0)
		return err_set(err, errno, "cannot enter %s", child->process->cwd);
	/* A directory outside the root, reached through a descriptor, has no path: CVE-2024-21626.
	 */
	if (syscall(SYS_getcwd, where, sizeof(where)) < 0 || where[0] != '/')
		return err_say(err, EPERM, "%s is outside the container's root",
			       child->process->cwd);
	child->in_cwd = true;
	return 0;
}

static int enter_directory_as_root(struct child *child, struct err *err)
{
	int r = enter_directory(child, err);

	return r == -EACCES ? 0 : r;
}

static int compile_filter(struct child *child, struct err *err)
{
	if (!child->spec->linux_.seccomp)
		return 0;
	return seccomp_compile(child->spec->linux_.seccomp, &child->filter, err);
}

/* Loading a filter takes no_new_privs or CAP_SYS_ADMIN, which then stays until it is loaded. */
static uint64_t capabilities_for_filter(const struct child *child)
{
	if (!child->filter || child->process->no_new_privileges)
		return 0;
	return (uint64_t)1 << CAP_SYS_ADMIN;
}

static int become_user(struct child *child, struct err *err)
{
	const struct oci_capabilities *sets = capabilities_of(child);
	int r = capabilities_bound(sets);

	if (r < 0)
		return err_set(err, -r, "cannot set the bounding set");
	r = user_apply(&child->process->user, err);
	if (r < 0)
		return r;
	r = capabilities_apply(sets, capabilities_for_filter(child));
	if (r < 0)
		return err_set(err, -r, "cannot set the capabilities");
	if (child->process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "cannot set noNewPrivileges");
	return enter_directory(child, err);
}

/* 0, or -errno why path cannot be run. */
static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? -errno : 0;
}

static int find_in_path(struct child *child, const char *name, const char *path, struct err *err)
{
	bool denied = false;

	while (*path) {
		size_t len = strcspn(path, ":");
		_cleanup_free_ char *candidate = NULL;
		int r;

		if (asprintf(&candidate, "%.*s/%s", len ? (int)len : 1, len ? path : ".", name) < 0)
			return err_set(err, ENOMEM, "no memory for it");
		r = check_executable(candidate);
		if (r == 0) {
			child->executable = TAKE_PTR(candidate);
			return 0;
		}
		denied |= r == -EACCES;
		path += len;
		path += *path == ':';
	}
	if (denied)
		return err_say(err, EACCES, "exec: \"%s\": permission denied", name);
	return err_say(err, ENOENT, "exec: \"%s\": executable file not found in $PATH", name);
}

static int find_program(struct child *child, struct err *err)
{
	const char *name = child->process->args.list[0];
	const char *path = env_value(child->env, "PATH");
	int r;

	if (!strchr(name, '/'))
		return find_in_path(child, name, path ? path : PATH_DEFAULT, err);
	r = check_executable(name);
	if (r < 0)
		return err_set(err, -r, "exec: \"%s\"", name);
	child->executable = strdup(name);
	return child->executable ? 0 : err_set(err, ENOMEM, "no memory for it");
}

const struct child_step child_launch_steps[] = {
	{ "entering the working directory", enter_directory_as_root },
	{ "making the environment", build_environment },
	{ "checking the security labels", refuse_labels },
	{ "joining a session keyring", join_keyring },
	{ "setting the personality", set_personality },
	{ "setting limits and scheduling", set_limits },
	{ "compiling the seccomp filter", compile_filter },
	{ "becoming the process's user", become_user },
};
const size_t child_n_launch_steps = ARRAY_SIZE(child_launch_steps);

static const struct child_step program_steps[] = {
	{ "unable to start container process", find_program },
};

/* From here on only what the filter allows can be done. */
static void load_filter(struct child *child)
{
	bool is_init = child->process == child->spec->process;
	struct oci_state state = child_state(child, is_init ? "creating" : "running");
	_cleanup_free_ char *message = NULL;
	struct err err = ERR_INIT;
	int notify_fd = -1;
	int r;

	state.pid = is_init ? child->outer_pid : child->container->init->pid;
	if (child->listener_fd >= 0)
		message = listener_message(child->spec, &state, child->outer_pid);
	r = seccomp_install(child->filter, &notify_fd);
	if (r < 0) {
		err_set(&err, -r, "cannot load the seccomp filter");
		child_fail(child, &err);
	}
	if (notify_fd < 0)
		return;
	r = message ? fd_send(child->listener_fd, message, strlen(message), &notify_fd, 1)
		    : -ENOMEM;
	if (r < 0) {
		err_set(&err, -r, "cannot tell the seccomp listener");
		child_fail(child, &err);
	}
}

_noreturn_ void child_execute(struct child *child)
{
	struct err err = ERR_INIT;
	int r;

	/* Only now: a missing program is the failure of the start and not of the create. */
	child_run(child, program_steps, ARRAY_SIZE(program_steps));
	if (child->filter)
		load_filter(child);
	if (capabilities_for_filter(child)) {
		r = capabilities_apply(capabilities_of(child), 0);
		if (r < 0) {
			err_set(&err, -r, "cannot give up CAP_SYS_ADMIN behind the seccomp filter");
			child_fail(child, &err);
		}
	}
	execve(child->executable, child->process->args.list, child->env);
	err_set(&err, errno, "exec: \"%s\"", child->process->args.list[0]);
	child_fail(child, &err);
}
