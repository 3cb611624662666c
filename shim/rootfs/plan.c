/* SPDX-License-Identifier: Apache-2.0 */
/* Which way a container's files go into the VM. */
#include "shim/rootfs/plan.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "oci/idmap.h"

#define EMPTY_DIR "/kubernetes.io~empty-dir/"

static bool has_option(const struct oci_mount *mount, const char *option)
{
	for (size_t i = 0; i < mount->options.n; i++)
		if (strcmp(mount->options.list[i], option) == 0)
			return true;
	return false;
}

static bool type_is(const struct oci_mount *mount, const char *type)
{
	return mount->type && strcmp(mount->type, type) == 0;
}

static bool is_bind(const struct oci_mount *mount)
{
	return type_is(mount, "bind") || has_option(mount, "bind") || has_option(mount, "rbind");
}

/* File systems that the guest mounts from a disk. */
static bool is_disk_filesystem(const char *type)
{
	return type && (strcmp(type, "ext4") == 0 || strcmp(type, "erofs") == 0);
}

static int add_item(struct plan *plan, enum plan_way way, const char *path,
		    struct plan_item **ret_item, struct err *err)
{
	struct plan_item *item = &plan->items[plan->n_items];

	*ret_item = NULL;
	if (plan->n_items == PLAN_ITEMS_MAX)
		return err_say(err, E2BIG, "more than %d mounts from the host", PLAN_ITEMS_MAX);
	if (way == PLAN_DISK && plan->n_disks == PLAN_DISKS_MAX)
		return err_say(err, E2BIG, "more than %d disks for one container", PLAN_DISKS_MAX);
	*item = (struct plan_item){ .way = way, .path = strdup(path) };
	if (!item->path)
		return err_set(err, ENOMEM, "cannot plan the mounts");
	item->request.path = item->path;
	plan->n_items++;
	plan->n_disks += way == PLAN_DISK;
	plan->shares = plan->shares || way != PLAN_DISK;
	*ret_item = item;
	return 0;
}

/* root.path. Never written to, unless it is the container's own: the guest lays a layer over it. */
static int plan_root_path(const char *path, const struct plan_input *input, struct plan *plan,
			  struct err *err)
{
	struct plan_item *item = NULL;
	struct stat st;
	bool shared;
	int r;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "root filesystem %s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_say(err, EINVAL,
			       "root filesystem %s is neither a folder nor an image file", path);
	shared = S_ISDIR(st.st_mode) && input->owns_root && input->can_share;
	r = add_item(plan, shared ? PLAN_SHARED : PLAN_DISK, path, &item, err);
	if (r < 0 || !item)
		return r;
	item->request.origin = S_ISDIR(st.st_mode) ? DISK_FROM_TREE : DISK_FROM_IMAGE;
	item->recursive = true;
	item->readonly = !shared;
	return 0;
}

/* A block device, or an image file that would be mounted by a loop device: the guest mounts it. */
static bool is_snapshot_disk(const KataLike__Task__Mount *mount)
{
	struct stat st;

	return is_disk_filesystem(mount->type) && stat(mount->source, &st) == 0 &&
	       (S_ISBLK(st.st_mode) || S_ISREG(st.st_mode));
}

static int plan_snapshot_disk(const KataLike__Task__Mount *mount, struct plan *plan,
			      struct err *err)
{
	struct plan_item *item = NULL;
	int r = add_item(plan, PLAN_DISK, mount->source, &item, err);

	if (r < 0 || !item)
		return r;
	item->request.origin = DISK_FROM_IMAGE;
	item->readonly = strcmp(mount->type, "erofs") == 0;
	for (size_t i = 0; i < mount->n_options; i++)
		item->readonly = item->readonly || strcmp(mount->options[i], "ro") == 0;
	item->request.writable = !item->readonly;
	return 0;
}

static int plan_root(const struct oci_spec *spec, const struct plan_input *input, struct plan *plan,
		     struct err *err)
{
	_cleanup_free_ char *joined = NULL;
	const char *path = spec->root_path;
	struct plan_item *item = NULL;

	if (input->n_mounts == 1 && is_snapshot_disk(input->mounts[0]))
		return plan_snapshot_disk(input->mounts[0], plan, err);
	if (!path || !*path)
		return err_say(err, EINVAL, "config.json: root.path is missing");
	if (path[0] != '/') {
		if (asprintf(&joined, "%s/%s", input->bundle, path) < 0)
			return err_set(err, ENOMEM, "cannot plan the root filesystem");
		path = joined;
	}
	if (input->n_mounts == 0)
		return plan_root_path(path, input, plan, err);
	return add_item(plan, PLAN_SNAPSHOT, path, &item, err);
}

static const char *kind_of_file(mode_t mode)
{
	if (S_ISSOCK(mode))
		return "socket";
	return S_ISFIFO(mode) ? "FIFO" : "device";
}

/*
 * What the kernel shows there is about the machine it runs on: in a VM, the guest's own. And the
 * shared memory of a pod is in the VM's memory.
 */
static bool is_guests_own(const struct oci_mount *mount, const struct stat *st)
{
	struct statfs fs;

	if (!S_ISDIR(st->st_mode))
		return false;
	if (strcmp(mount->destination, "/dev/shm") == 0 || strcmp(mount->source, "/dev") == 0)
		return true;
	if (statfs(mount->source, &fs) < 0)
		return false;
	return fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC ||
	       fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC;
}

/* A volume of Kubernetes' with medium: Memory. It begins empty and ends with the pod. */
static bool is_memory_volume(const struct oci_mount *mount, const struct stat *st)
{
	struct statfs fs;

	return S_ISDIR(st->st_mode) && strstr(mount->source, EMPTY_DIR) &&
	       statfs(mount->source, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

static int plan_memory(const struct oci_mount *mount, const struct stat *st, size_t index,
		       struct plan *plan, struct err *err)
{
	struct plan_memory *memory = &plan->memory[plan->n_memory];
	struct statfs fs;

	if (plan->n_memory == PLAN_ITEMS_MAX)
		return err_say(err, E2BIG, "more than %d volumes in memory", PLAN_ITEMS_MAX);
	if (statfs(mount->source, &fs) < 0)
		return err_set(err, errno, "its source %s", mount->source);
	*memory = (struct plan_memory){
		.index = index,
		.size_bytes = (uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
	};
	(void)snprintf(memory->name, sizeof(memory->name), "%llx-%llx",
		       (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
	plan->n_memory++;
	return 0;
}

/* Without root's powers only a copy can be shown. */
static int plan_copy(const struct oci_mount *mount, const struct stat *st, struct plan *plan,
		     struct plan_item **ret_item, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int r;

	if (!has_option(mount, "ro"))
		return err_say(err, EPERM,
			       "a writable bind mount takes a file server, which takes root: add "
			       "the option \"ro\" for a copy, or use an ext4 image file (type "
			       "\"ext4\")");
	r = add_item(plan, PLAN_DISK, mount->source, ret_item, err);
	if (r < 0 || !*ret_item)
		return r;
	(*ret_item)->request.origin = DISK_FROM_TREE;
	if (S_ISDIR(st->st_mode))
		return 0;
	name = strdup(mount->source);
	(*ret_item)->subpath = name ? strdup(basename(name)) : NULL;
	return (*ret_item)->subpath ? 0 : err_set(err, ENOMEM, "cannot plan the mounts");
}

static int plan_bind(const struct oci_spec *spec, size_t index, const struct plan_input *input,
		     struct plan *plan, struct err *err)
{
	const struct oci_mount *mount = &spec->mounts[index];
	struct plan_item *item = NULL;
	struct stat st;
	int r;

	if (!mount->source || mount->source[0] != '/')
		return err_say(err, EINVAL, "its source is not an absolute path");
	if (stat(mount->source, &st) < 0)
		return err_set(err, errno, "its source %s", mount->source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_say(err, EINVAL,
			       "its source %s is a %s of the host, which cannot cross into a VM",
			       mount->source, kind_of_file(st.st_mode));
	if (is_guests_own(mount, &st))
		return 0;
	if (is_memory_volume(mount, &st))
		return plan_memory(mount, &st, index, plan, err);
	if (input->can_share)
		r = add_item(plan, PLAN_SHARED, mount->source, &item, err);
	else
		r = plan_copy(mount, &st, plan, &item, err);
	if (r < 0 || !item)
		return r;
	item->index = index;
	item->recursive = !has_option(mount, "bind") || has_option(mount, "rbind");
	item->readonly_recursive = has_option(mount, "rro");
	item->readonly = item->readonly_recursive || has_option(mount, "ro");
	item->destination = strdup(mount->destination);
	if (!item->destination)
		return err_set(err, ENOMEM, "cannot plan the mounts");
	/* The guest maps what is on a disk, but cannot what is shared. */
	return item->way == PLAN_SHARED
		       ? oci_mount_map(spec, mount, &item->map, &item->recursive_map, err)
		       : 0;
}

static int plan_image(const struct oci_mount *mount, size_t index, struct plan *plan,
		      struct err *err)
{
	struct plan_item *item = NULL;
	int r;

	if (!mount->source || mount->source[0] != '/')
		return err_say(err, EINVAL, "its source is not the absolute path of an image file");
	r = add_item(plan, PLAN_DISK, mount->source, &item, err);
	if (r < 0 || !item)
		return r;
	item->request.origin = DISK_FROM_IMAGE;
	item->readonly = type_is(mount, "erofs") || has_option(mount, "ro");
	item->request.writable = !item->readonly;
	item->index = index;
	item->destination = strdup(mount->destination);
	return item->destination ? 0 : err_set(err, ENOMEM, "cannot plan the mounts");
}

static int plan_mount(const struct oci_spec *spec, size_t index, const struct plan_input *input,
		      struct plan *plan, struct err *err)
{
	const struct oci_mount *mount = &spec->mounts[index];

	if (is_bind(mount))
		return plan_bind(spec, index, input, plan, err);
	if (is_disk_filesystem(mount->type))
		return plan_image(mount, index, plan, err);
	/* tmpfs, proc, sysfs and the like: the guest's own. */
	return 0;
}

/*
 * A node of the same number would be another device in the guest, such as the disk of its root.
 * These mean the same everywhere.
 */
static bool is_virtual_device(const struct oci_device *device)
{
	static const struct {
		int64_t major, minor; /* -1: any */
	} known[] = {
		{ 1, -1 },   /* null, zero, full, random, urandom, kmsg */
		{ 5, -1 },   /* tty, console, ptmx */
		{ 10, 200 }, /* net/tun */
		{ 10, 229 }, /* fuse */
	};

	if (device->type == 'p')
		return true;
	for (size_t i = 0; device->type != 'b' && i < ARRAY_SIZE(known); i++)
		if (device->major == known[i].major &&
		    (known[i].minor < 0 || known[i].minor == device->minor))
			return true;
	return false;
}

static int check_devices(const struct oci_spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->linux_.n_devices; i++) {
		const struct oci_device *device = &spec->linux_.devices[i];

		if (!is_virtual_device(device))
			return err_say(err, EINVAL,
				       "device %s (%c %lld:%lld) is one of the host, which cannot "
				       "cross into a VM",
				       device->path, device->type, (long long)device->major,
				       (long long)device->minor);
	}
	return 0;
}

int plan_make(const struct oci_spec *spec, const struct plan_input *input, struct plan **ret_plan,
	      struct err *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return err_set(err, ENOMEM, "cannot plan the mounts");
	r = plan_root(spec, input, plan, err);
	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++) {
		r = plan_mount(spec, i, input, plan, err);
		if (r < 0)
			(void)err_push(err, "mount %s", spec->mounts[i].destination);
	}
	if (r == 0)
		r = check_devices(spec, err);
	if (r < 0) {
		plan_free(plan);
		return r;
	}
	*ret_plan = plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->n_items; i++) {
		free(plan->items[i].path);
		free(plan->items[i].destination);
		free(plan->items[i].subpath);
		userns_map_fini(&plan->items[i].map);
	}
	free(plan);
}
