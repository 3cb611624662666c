/* SPDX-License-Identifier: Apache-2.0 */
/* Where on the host a pod's processes are. */
#include "shim/sandbox/place.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/fd.h"
#include "lib/log.h"

#define CGROUP_ROOT	  "/sys/fs/cgroup"
#define CGROUP_FILE	  "cgroup"
#define LEAVE_TIMEOUT_MS  1000
#define LEAVE_INTERVAL_US 2000
#define EVENTS_BYTES	  4096
#define SLICE_SUFFIX	  ".slice"

/* Behind what is there. */
static int append(char *path, size_t size, const char *fmt, ...) _printf_(3, 4);

static int append(char *path, size_t size, const char *fmt, ...)
{
	size_t used = strlen(path);
	va_list va;
	int n;

	va_start(va, fmt);
	n = vsnprintf(path + used, size - used, fmt, va);
	va_end(va);
	return n < 0 || (size_t)n >= size - used ? -ENAMETOOLONG : 0;
}

/* "a-b.slice" is a.slice/a-b.slice, and "-.slice" the root (systemd.slice(5)). */
static int append_slices(const char *slice, char *path, size_t size)
{
	size_t len = strlen(slice);
	int r = 0;

	if (len <= strlen(SLICE_SUFFIX) ||
	    strcmp(slice + len - strlen(SLICE_SUFFIX), SLICE_SUFFIX) != 0)
		return -EINVAL;
	len -= strlen(SLICE_SUFFIX);
	if (len == 1 && slice[0] == '-')
		return 0;
	for (size_t i = 0; r == 0 && i <= len; i++) {
		if (slice[i] != '-' && i < len)
			continue;
		/* A dash stands between two names. */
		if (i == 0 || slice[i - 1] == '-')
			return -EINVAL;
		r = append(path, size, "/%.*s" SLICE_SUFFIX, (int)i, slice);
	}
	return r;
}

/* "SLICE:PREFIX:NAME"; a part that is a path would be a way out of the slice. */
static int append_scope(char *text, char *path, size_t size)
{
	char *prefix = strchr(text, ':'), *name = strchr(prefix + 1, ':');
	int r;

	*prefix++ = '\0';
	*name++ = '\0';
	if (!*name || strchr(name, ':') || strchr(text, '/') || strchr(prefix, '/') ||
	    strchr(name, '/'))
		return -EINVAL;
	r = append_slices(*text ? text : "system.slice", path, size);
	return r == 0 ? append(path, size, "/%s%s%s.scope", prefix, *prefix ? "-" : "", name) : r;
}

static int append_folders(char *text, char *path, size_t size)
{
	char *rest = NULL;
	int r = 0;

	for (char *name = strtok_r(text, "/", &rest); r == 0 && name;
	     name = strtok_r(NULL, "/", &rest)) {
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			return -EINVAL;
		r = append(path, size, "/%s", name);
	}
	return r == 0 && !*path ? -EINVAL : r;
}

int place_cgroup_path(const char *cgroups_path, char *ret_path, size_t size)
{
	char copy[PATHS_MAX];
	const char *colon = strchr(cgroups_path, ':');

	*ret_path = '\0';
	if (snprintf(copy, sizeof(copy), "%s", cgroups_path) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	for (const char *p = copy; *p; p++)
		if (iscntrl((unsigned char)*p))
			return -EINVAL;
	if (copy[0] != '/' && colon && strchr(colon + 1, ':'))
		return append_scope(copy, ret_path, size);
	return append_folders(copy, ret_path, size);
}

/* Where version 2 is; -ENOENT on a host with version 1 alone. */
static int cgroup_root(const char **ret_root)
{
	static const char *const roots[] = { CGROUP_ROOT, CGROUP_ROOT "/unified" };
	struct statfs fs;

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		if (statfs(roots[i], &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		*ret_root = roots[i];
		return 0;
	}
	return -ENOENT;
}

/* Has what is below a folder counted separately. A controller that the host lacks is no error. */
static void enable_controllers(const char *folder)
{
	static const char *const controllers[] = { "+cpu", "+cpuset", "+io", "+memory", "+pids" };
	char path[PATHS_MAX + 32];

	(void)snprintf(path, sizeof(path), "%s/cgroup.subtree_control", folder);
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		(void)!file_poke(AT_FDCWD, path, controllers[i]);
}

/*
 * Makes the folder; each above it gets the controllers. 1 when it is new, 0 when it was there, or
 * -errno.
 */
static int make_cgroup(char *path, size_t root_len)
{
	for (char *slash = path + root_len; slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			*slash = '/';
			return -errno;
		}
		enable_controllers(path);
		*slash = '/';
	}
	if (mkdir(path, 0755) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

/* Whether processes run in it, or below it. */
static bool is_populated(const char *path)
{
	_cleanup_free_ char *events = NULL;
	char file[PATHS_MAX + 32];

	(void)snprintf(file, sizeof(file), "%s/cgroup.events", path);
	return file_read(AT_FDCWD, file, EVENTS_BYTES, &events, NULL, NULL) == 0 &&
	       strstr(events, "populated 1");
}

/* The kernel takes a moment to let go of the last process, as of a pod that had the name before. */
static bool stays_populated(const char *path)
{
	int64_t end = clock_monotonic_ms() + LEAVE_TIMEOUT_MS;

	while (is_populated(path)) {
		if (clock_monotonic_ms() > end)
			return true;
		(void)usleep(LEAVE_INTERVAL_US);
	}
	return false;
}

static int note_down(const struct place *place, const struct state *state, struct err *err)
{
	char path[PATHS_MAX];
	int r = state_file(state, CGROUP_FILE, path, err);

	return r < 0 ? r : file_write_atomic(path, place->cgroup, strlen(place->cgroup), 0600, err);
}

/* ret_path is "" on a host that has no cgroups of version 2. */
static int locate_cgroup(const char *cgroups_path, char ret_path[PATHS_MAX], size_t *ret_root_len,
			 struct err *err)
{
	char below[PATHS_MAX];
	const char *root;
	int r;

	ret_path[0] = '\0';
	if (cgroup_root(&root) < 0)
		return 0;
	*ret_root_len = strlen(root);
	r = place_cgroup_path(cgroups_path, below, sizeof(below));
	if (r == 0 && snprintf(ret_path, PATHS_MAX, "%s%s", root, below) >= PATHS_MAX)
		r = -ENAMETOOLONG;
	if (r == -EINVAL)
		return err_say(err, EINVAL,
			       "cgroupsPath \"%.200s\" is neither a path below the root of cgroups "
			       "nor SLICE:PREFIX:NAME",
			       cgroups_path);
	return r < 0 ? err_set(err, -r, "cgroupsPath \"%.200s...\"", cgroups_path) : 0;
}

static int take_cgroup(struct place *place, const char *cgroups_path, const struct state *state,
		       struct err *err)
{
	char path[PATHS_MAX];
	size_t root_len;
	int r;

	if (!cgroups_path || !*cgroups_path)
		return 0;
	r = locate_cgroup(cgroups_path, path, &root_len, err);
	if (r < 0 || !*path)
		return r;
	r = make_cgroup(path, root_len);
	if (r == -EACCES || r == -EPERM || r == -EROFS) {
		log_debug("cannot make the cgroup %s: the pod stays in ours", path);
		return 0;
	}
	if (r < 0)
		return err_set(err, -r, "cannot make the cgroup %s", path);
	place->cgroup_made = r > 0;
	/* Another pod's, or a service's: what ends one would end the other. */
	if (!place->cgroup_made && stays_populated(path))
		return err_say(err, EBUSY, "processes run in the cgroup %s already", path);
	memcpy(place->cgroup, path, sizeof(path));
	place->cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->cgroup_fd < 0)
		return err_set(err, errno, "cannot open the cgroup %s", path);
	return place->cgroup_made ? note_down(place, state, err) : 0;
}

/* A namespace belongs to a thread, so this one is only for its making. */
static void *make_netns(void *ctx)
{
	int *ret_fd = ctx;

	if (unshare(CLONE_NEWNET) < 0)
		*ret_fd = -errno;
	else
		*ret_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return NULL;
}

static int take_netns(struct place *place, const struct oci_namespace *netns, struct err *err)
{
	pthread_t thread;
	int fd = -1, r;

	if (!netns->listed)
		return 0;
	if (netns->path && *netns->path) {
		if (strlen(netns->path) >= sizeof(place->netns_path))
			return err_set(err, ENAMETOOLONG, "network namespace %.80s...",
				       netns->path);
		fd = open(netns->path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, errno, "network namespace %s", netns->path);
		place->netns_fd = fd;
		(void)snprintf(place->netns_path, sizeof(place->netns_path), "%s", netns->path);
		return 0;
	}
	r = pthread_create(&thread, NULL, make_netns, &fd);
	if (r == 0)
		r = pthread_join(thread, NULL);
	if (r == 0 && fd == -EPERM)
		return 0;
	if (r != 0 || fd < 0)
		return err_set(err, r ? r : -fd, "cannot make a network namespace");
	place->netns_fd = fd;
	return 0;
}

int place_take(struct place *place, const struct oci_spec *spec, const struct state *state,
	       struct err *err)
{
	int r;

	if (place->known)
		return 0;
	r = take_netns(place, &spec->linux_.namespaces[OCI_NAMESPACE_NETWORK], err);
	if (r == 0)
		r = take_cgroup(place, spec->linux_.cgroups_path, state, err);
	if (r < 0)
		place_leave(place);
	place->known = r == 0;
	return r;
}

int place_move_self(const char *cgroups_path, struct err *err)
{
	char cgroup[PATHS_MAX], path[PATHS_MAX + 32];
	size_t root_len;
	int r = locate_cgroup(cgroups_path, cgroup, &root_len, err);

	if (r < 0 || !*cgroup)
		return r;
	r = make_cgroup(cgroup, root_len);
	if (r < 0)
		return err_set(err, -r, "cannot make the cgroup %s", cgroup);
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	r = file_poke(AT_FDCWD, path, "0");
	return r < 0 ? err_set(err, -r, "cannot join the cgroup %s", cgroup) : 0;
}

/* Waits that moment as well. */
static void remove_cgroup(const char *path)
{
	int64_t end = clock_monotonic_ms() + LEAVE_TIMEOUT_MS;

	while (rmdir(path) < 0) {
		if (errno == ENOENT)
			return;
		if (errno != EBUSY || clock_monotonic_ms() > end) {
			log_warn("cannot remove the cgroup %s: %s", path, strerror(errno));
			return;
		}
		(void)usleep(LEAVE_INTERVAL_US);
	}
}

void place_leave(struct place *place)
{
	if (place->netns_fd >= 0)
		close(place->netns_fd);
	if (place->cgroup_fd >= 0)
		close(place->cgroup_fd);
	if (place->cgroup_made)
		remove_cgroup(place->cgroup);
	*place = PLACE_INIT;
}

void place_clear(const struct state *state)
{
	_cleanup_free_ char *cgroup = NULL;
	char path[PATHS_MAX];

	if (state_file(state, CGROUP_FILE, path, NULL) < 0 ||
	    file_read(AT_FDCWD, path, PATHS_MAX, &cgroup, NULL, NULL) < 0)
		return;
	if (strncmp(cgroup, CGROUP_ROOT "/", strlen(CGROUP_ROOT "/")) == 0)
		remove_cgroup(cgroup);
	(void)unlink(path);
}
