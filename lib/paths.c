/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are, by one rule for every program. */
#include "lib/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "lib/fd.h"

#define ID_MAX 76

static int format_path(char *ret_path, struct err *err, const char *fmt, ...) _printf_(3, 4);

static int format_path(char *ret_path, struct err *err, const char *fmt, ...)
{
	va_list va;
	int n;

	va_start(va, fmt);
	n = vsnprintf(ret_path, PATHS_MAX, fmt, va);
	va_end(va);
	if (n < 0 || n >= PATHS_MAX)
		return err_set(err, ENAMETOOLONG, "path %.80s…", ret_path);
	return 0;
}

int paths_state_root(char *ret_path, struct err *err)
{
	const char *set = getenv("KATA_LIKE_STATE");
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (set && *set)
		return format_path(ret_path, err, "%s", set);
	if (geteuid() == 0)
		return format_path(ret_path, err, "/run/kata-like");
	if (!runtime || !*runtime)
		return err_say(err, ENOENT,
			       "no place for state: set XDG_RUNTIME_DIR or KATA_LIKE_STATE");
	return format_path(ret_path, err, "%s/kata-like", runtime);
}

int paths_sandbox(const char *namespace, const char *id, const char *file, char *ret_path,
		  struct err *err)
{
	char root[PATHS_MAX];
	int r = paths_state_root(root, err);

	if (r < 0)
		return r;
	return format_path(ret_path, err, "%s/%s/%s%s%s", root, namespace, id, file ? "/" : "",
			   file ? file : "");
}

int paths_check_sandbox(const char *namespace, const char *id, struct err *err)
{
	char path[PATHS_MAX];
	int r = paths_state_root(path, err);

	if (r == 0)
		r = dir_check_trusted(path, true, err);
	if (r == 0)
		r = paths_sandbox(namespace, id, NULL, path, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	*strrchr(path, '/') = '\0';
	r = dir_check_trusted(path, false, err);
	if (r == 0) {
		path[strlen(path)] = '/';
		r = dir_check_trusted(path, false, err);
	}
	return r == -ENOENT ? 0 : r;
}

int paths_cache(const char *file, char *ret_path, struct err *err)
{
	const char *set = getenv("KATA_LIKE_CACHE");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (set && *set)
		return format_path(ret_path, err, "%s/%s", set, file);
	if (geteuid() == 0)
		return format_path(ret_path, err, "/var/cache/kata-like/%s", file);
	if (xdg && *xdg)
		return format_path(ret_path, err, "%s/kata-like/%s", xdg, file);
	if (!home || !*home)
		return err_say(err, ENOENT, "no place for the cache: set HOME or KATA_LIKE_CACHE");
	return format_path(ret_path, err, "%s/.cache/kata-like/%s", home, file);
}

/* The folder that the running program is in. */
static int program_dir(char *ret_dir, struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", ret_dir, PATHS_MAX - 1);
	char *slash;

	if (n < 0)
		return err_set(err, errno, "cannot read /proc/self/exe");
	ret_dir[n] = '\0';
	slash = strrchr(ret_dir, '/');
	if (!slash || n == PATHS_MAX - 1)
		return err_set(err, ENAMETOOLONG, "path of this program");
	*slash = '\0';
	return 0;
}

/* The first of beside/name and prefix/installed/name that exists. */
static int find(const char *beside, const char *installed, const char *name, int mode,
		char *ret_path, struct err *err)
{
	char dir[PATHS_MAX], first[PATHS_MAX];
	int r = program_dir(dir, err);

	if (r < 0)
		return r;
	r = format_path(first, err, "%s%s/%s", dir, beside, name);
	if (r < 0)
		return r;
	if (access(first, mode) == 0)
		return format_path(ret_path, err, "%s", first);
	r = format_path(ret_path, err, "%s/../%s/%s", dir, installed, name);
	if (r < 0)
		return r;
	if (access(ret_path, mode) < 0)
		return err_say(err, ENOENT, "%s not found, neither as %s nor as %s", name, first,
			       ret_path);
	return 0;
}

int paths_program(const char *name, char *ret_path, struct err *err)
{
	return find("", "libexec/kata-like", name, X_OK, ret_path, err);
}

int paths_guest(const char *name, char *ret_path, struct err *err)
{
	int r = find("/guest", "share/kata-like", name, R_OK, ret_path, err);

	return r == -ENOENT ? err_hint(err, "`make guest` makes it") : r;
}

int paths_check_id(const char *what, const char *id, struct err *err)
{
	size_t len = strlen(id);
	const char *allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (len == 0 || len > ID_MAX || strspn(id, allowed) != len || strchr("_.-", id[0]))
		return err_say(
			err, EINVAL,
			"%s \"%.80s\" is not valid: use 1 to %d letters, digits, '_', '.' and "
			"'-', a letter or digit first",
			what, id, ID_MAX);
	return 0;
}
