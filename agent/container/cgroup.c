/* SPDX-License-Identifier: Apache-2.0 */
/* A container's cgroup. */
#include "agent/container/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/container/cgroup-convert.h"
#include "agent/container/devices-bpf.h"
#include "lib/fd.h"

#define CONTROLLERS_MAX 256
#define DEPTH_MAX	64

/* Hands each controller that dir has down to its children; one that cannot be is left out. */
static int hand_down_controllers(int dir_fd, const char *path, struct err *err)
{
	_cleanup_free_ char *controllers = NULL;
	char *save = NULL;
	int r = file_read(dir_fd, "cgroup.controllers", CONTROLLERS_MAX * 16, &controllers, NULL,
			  err);

	if (r < 0)
		return err_push(err, "cannot use the cgroups at %s", path);
	for (char *name = strtok_r(controllers, " \n", &save); name;
	     name = strtok_r(NULL, " \n", &save)) {
		char enable[64];

		(void)snprintf(enable, sizeof(enable), "+%.60s", name);
		r = file_poke(dir_fd, "cgroup.subtree_control", enable);
		/* A container that asks for one of these is told when its value is set. */
		if (r < 0)
			continue;
	}
	return 0;
}

static int open_dir(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int cgroup_base_open(const char *mount_path, const char *name, int *ret_fd, struct err *err)
{
	_cleanup_fd_ int root_fd = open(mount_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = -1;
	int r;

	if (root_fd < 0)
		return err_set(err, errno, "cannot open the cgroups at %s", mount_path);
	r = hand_down_controllers(root_fd, mount_path, err);
	if (r < 0)
		return r;
	if (mkdirat(root_fd, name, 0755) < 0 && errno != EEXIST)
		return err_set(err, errno, "cannot create cgroup %s in %s", name, mount_path);
	fd = open_dir(root_fd, name);
	if (fd < 0)
		return err_set(err, -fd, "cannot open cgroup %s in %s", name, mount_path);
	r = hand_down_controllers(fd, name, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int cgroup_new(int base_fd, const char *base_name, const char *name, struct cgroup **ret_cgroup,
	       struct err *err)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));
	int r = -ENOMEM;

	if (!cgroup)
		return err_set(err, ENOMEM, "cannot create cgroup %s", name);
	cgroup->fd = -1;
	cgroup->parent_fd = base_fd;
	cgroup->name = strdup(name);
	if (!cgroup->name || asprintf(&cgroup->path, "/%s/%s", base_name, name) < 0)
		goto failed;
	if (mkdirat(base_fd, name, 0755) < 0) {
		r = -errno;
		goto failed;
	}
	cgroup->fd = open_dir(base_fd, name);
	if (cgroup->fd < 0) {
		r = cgroup->fd;
		(void)unlinkat(base_fd, name, AT_REMOVEDIR);
		goto failed;
	}
	*ret_cgroup = cgroup;
	return 0;
failed:
	cgroup_free(cgroup);
	return err_set(err, -r, "cannot create cgroup %s", name);
}

void cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return;
	if (cgroup->fd >= 0)
		close(cgroup->fd);
	free(cgroup->path);
	free(cgroup->name);
	free(cgroup);
}

static int set_file(const struct cgroup *cgroup, const char *file, const char *value,
		    struct err *err)
{
	int r = file_poke(cgroup->fd, file, value);

	/* No swap accounting, and no swap asked for: that is how it is already. */
	if (r == -ENOENT && strcmp(file, "memory.swap.max") == 0 &&
	    (strcmp(value, "max") == 0 || strcmp(value, "0") == 0))
		return 0;
	if (r == -ENOENT || r == -EACCES)
		return err_say(err, -r,
			       "cannot set %s: the guest kernel has no such file (its controller "
			       "is not built in or not available)",
			       file);
	if (r < 0)
		return err_set(err, -r, "cannot set %s to \"%.64s\"", file, value);
	return 0;
}

static int apply_cpuset(const struct cgroup *cgroup, const struct oci_cpu *cpu, struct err *err)
{
	int r = 0;

	if (cpu->cpus && *cpu->cpus)
		r = set_file(cgroup, "cpuset.cpus", cpu->cpus, err);
	if (r == 0 && cpu->mems && *cpu->mems)
		r = set_file(cgroup, "cpuset.mems", cpu->mems, err);
	return r;
}

/* A value of several lines is as many writes, as io.max wants it. */
static int apply_unified(const struct cgroup *cgroup, const struct json_pair *pair, struct err *err)
{
	_cleanup_free_ char *lines = strdup(pair->value);
	char *save = NULL;

	if (!lines)
		return err_set(err, ENOMEM, "cannot set %s", pair->key);
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int r = set_file(cgroup, pair->key, line, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* A limit below what is in use now makes the kernel kill; checkBeforeUpdate asks not to. */
static int check_memory(const struct cgroup *cgroup, const struct oci_memory *memory,
			struct err *err)
{
	uint64_t usage = 0;
	int r;

	if (!memory->check_before_update || !memory->limit.set || memory->limit.value <= 0)
		return 0;
	r = cgroup_read_number(cgroup, "memory.current", UINT64_MAX, &usage);
	if (r < 0)
		return err_set(err, -r, "cannot read memory.current");
	if (usage > (uint64_t)memory->limit.value)
		return err_say(err, EBUSY,
			       "memory.limit is %" PRId64 ", below the %" PRIu64
			       " bytes that are in use",
			       memory->limit.value, usage);
	return 0;
}

int cgroup_apply(const struct cgroup *cgroup, const struct oci_resources *resources,
		 struct err *err)
{
	struct cgroup_setting settings[CGROUP_SETTINGS_MAX];
	size_t n = 0;
	int r = cgroup_convert(resources, settings, &n, err);

	if (r == 0 && resources->memory)
		r = check_memory(cgroup, resources->memory, err);
	if (r == 0 && resources->cpu)
		r = apply_cpuset(cgroup, resources->cpu, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = set_file(cgroup, settings[i].file, settings[i].value, err);
	for (size_t i = 0; r == 0 && i < resources->unified.n; i++)
		r = apply_unified(cgroup, &resources->unified.list[i], err);
	return r;
}

int cgroup_apply_devices(const struct cgroup *cgroup, const struct oci_resources *resources,
			 struct err *err)
{
	return devices_bpf_attach(cgroup->fd, resources->devices, resources->n_devices, err);
}

static int give(int dir_fd, const char *file, uint32_t uid, uint32_t gid)
{
	return fchownat(dir_fd, file, uid, gid, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_delegate(const struct cgroup *cgroup, uint32_t uid, uint32_t gid, struct err *err)
{
	_cleanup_free_ char *files = NULL;
	char *save = NULL;
	int r = give(cgroup->fd, ".", uid, gid);

	/* Kernels before 4.15 and those without /sys say nothing: then what all have. */
	if (r == 0 &&
	    file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &files, NULL, NULL) < 0)
		files = strdup("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
	if (!files && r == 0)
		r = -ENOMEM;
	for (char *file = r == 0 ? strtok_r(files, "\n", &save) : NULL; file && r == 0;
	     file = strtok_r(NULL, "\n", &save))
		r = give(cgroup->fd, file, uid, gid);
	return r < 0 ? err_set(err, -r, "cannot delegate the cgroup") : 0;
}

int cgroup_kill(const struct cgroup *cgroup)
{
	return file_poke(cgroup->fd, "cgroup.kill", "1");
}

static int signal_one(void *ctx, pid_t pid)
{
	/* One that has gone meanwhile has no need of it. */
	if (kill(pid, *(const int *)ctx) < 0 && errno != ESRCH)
		return -errno;
	return 0;
}

int cgroup_signal(const struct cgroup *cgroup, int signal_number)
{
	return cgroup_each_pid(cgroup, signal_one, &signal_number);
}

int cgroup_freeze(const struct cgroup *cgroup, bool frozen, struct err *err)
{
	int r = file_poke(cgroup->fd, "cgroup.freeze", frozen ? "1" : "0");

	if (r < 0)
		return err_set(err, -r, "cannot %s the container's cgroup",
			       frozen ? "freeze" : "thaw");
	return 0;
}

bool cgroup_is_frozen(const struct cgroup *cgroup)
{
	char text[256];

	return cgroup_read(cgroup, "cgroup.events", text, sizeof(text)) > 0 &&
	       strstr(text, "frozen 1") != NULL;
}

static int each_pid_in(int dir_fd, cgroup_pid_fn *fn, void *ctx)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_file_ FILE *procs = NULL;
	char line[32];
	int r = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	procs = fdopen(fd, "r");
	if (!procs) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && fgets(line, sizeof(line), procs)) {
		long pid = strtol(line, NULL, 10);

		/* 0 is a process of another pid namespace, which cannot be ours to handle. */
		if (pid > 0)
			r = fn(ctx, (pid_t)pid);
	}
	return r;
}

typedef int dir_fn(void *ctx, int dir_fd);

/* Calls fn for the directories below dir_fd, the deepest first. */
static int each_child(int dir_fd, int depth, dir_fn *fn, void *ctx)
{
	_cleanup_dir_ DIR *dir = NULL;
	int fd = open_dir(dir_fd, ".");

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	if (depth == DEPTH_MAX)
		return -ELOOP;
	for (struct dirent *entry; (entry = readdir(dir));) {
		_cleanup_fd_ int child_fd = -1;
		int r;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		child_fd = open_dir(dirfd(dir), entry->d_name);
		if (child_fd < 0)
			continue;
		r = each_child(child_fd, depth + 1, fn, ctx);
		if (r == 0 && fn)
			r = fn(ctx, child_fd);
		/* Without a function, the walk is for removing. */
		if (r == 0 && !fn && unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0)
			r = -errno;
		if (r < 0)
			return r;
	}
	return 0;
}

struct pid_walk {
	cgroup_pid_fn *fn;
	void *ctx;
};

static int walk_pids(void *ctx, int dir_fd)
{
	const struct pid_walk *walk = ctx;

	return each_pid_in(dir_fd, walk->fn, walk->ctx);
}

int cgroup_each_pid(const struct cgroup *cgroup, cgroup_pid_fn *fn, void *ctx)
{
	struct pid_walk walk = { .fn = fn, .ctx = ctx };
	int r = each_pid_in(cgroup->fd, fn, ctx);

	return r < 0 ? r : each_child(cgroup->fd, 0, walk_pids, &walk);
}

int cgroup_remove(const struct cgroup *cgroup)
{
	int r = each_child(cgroup->fd, 0, NULL, NULL);

	if (r == 0 && unlinkat(cgroup->parent_fd, cgroup->name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r == -ENOENT ? 0 : r;
}

ssize_t cgroup_read(const struct cgroup *cgroup, const char *file, char *buffer, size_t size)
{
	_cleanup_fd_ int fd = openat(cgroup->fd, file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = fd_read_full(fd, buffer, size - 1);
	if (n >= 0)
		buffer[n] = '\0';
	return n;
}

int cgroup_read_number(const struct cgroup *cgroup, const char *file, uint64_t max,
		       uint64_t *ret_value)
{
	char text[64];
	ssize_t n = cgroup_read(cgroup, file, text, sizeof(text));

	if (n < 0)
		return (int)n;
	*ret_value = strncmp(text, "max", 3) == 0 ? max : strtoull(text, NULL, 10);
	return 0;
}
