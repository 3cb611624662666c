/* SPDX-License-Identifier: Apache-2.0 */
/* Which disks a container needs. */
#include "shim/rootfs/plan.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

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

static bool is_image(const struct oci_mount *mount)
{
	return type_is(mount, "ext4") || type_is(mount, "erofs");
}

static struct plan_item *add_item(struct plan *plan, const char *path, struct err *err)
{
	struct plan_item *item = &plan->items[plan->n_items];

	if (plan->n_items == PLAN_ITEMS_MAX) {
		(void)err_say(err, E2BIG, "more than %d disks for one container", PLAN_ITEMS_MAX);
		return NULL;
	}
	*item = (struct plan_item){ .path = strdup(path) };
	if (!item->path) {
		(void)err_set(err, ENOMEM, "cannot plan the disks");
		return NULL;
	}
	item->request.path = item->path;
	plan->n_items++;
	return item;
}

static int plan_root(const struct oci_spec *spec, const char *bundle, struct plan *plan,
		     struct err *err)
{
	_cleanup_free_ char *joined = NULL;
	const char *path = spec->root_path;
	struct plan_item *item;
	struct stat st;

	if (!path || !*path)
		return err_say(err, EINVAL, "config.json: root.path is missing");
	if (path[0] != '/') {
		if (asprintf(&joined, "%s/%s", bundle, path) < 0)
			return err_set(err, ENOMEM, "cannot plan the root filesystem");
		path = joined;
	}
	if (stat(path, &st) < 0)
		return err_set(err, errno, "root filesystem %s", path);
	item = add_item(plan, path, err);
	if (!item)
		return err->code;
	/* Never written to: the guest lays a writable layer in its memory over it. */
	if (S_ISDIR(st.st_mode))
		item->request.origin = DISK_FROM_TREE;
	else if (S_ISREG(st.st_mode))
		item->request.origin = DISK_FROM_IMAGE;
	else
		return err_say(err, EINVAL,
			       "root filesystem %s is neither a folder nor an image file", path);
	item->readonly = true;
	return 0;
}

static int plan_bind(const struct oci_mount *mount, struct plan *plan, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	struct plan_item *item;
	struct stat st;

	if (!mount->source || mount->source[0] != '/')
		return err_say(err, EINVAL, "its source is not an absolute path");
	if (stat(mount->source, &st) < 0)
		return err_set(err, errno, "its source %s", mount->source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_say(err, EINVAL,
			       "its source %s is a %s of the host, which cannot cross into a VM",
			       mount->source, S_ISSOCK(st.st_mode) ? "socket" : "device or FIFO");
	if (!has_option(mount, "ro"))
		return err_say(err, EINVAL,
			       "a writable bind mount needs virtio-fs, which is not there yet: add "
			       "the option \"ro\", or use an ext4 image file (type \"ext4\")");
	item = add_item(plan, mount->source, err);
	if (!item)
		return err->code;
	item->request.origin = DISK_FROM_TREE;
	item->readonly = true;
	item->destination = strdup(mount->destination);
	if (S_ISREG(st.st_mode)) {
		name = strdup(mount->source);
		item->subpath = name ? strdup(basename(name)) : NULL;
	}
	if (!item->destination || (S_ISREG(st.st_mode) && !item->subpath))
		return err_set(err, ENOMEM, "cannot plan the disks");
	return 0;
}

static int plan_image(const struct oci_mount *mount, struct plan *plan, struct err *err)
{
	struct plan_item *item;

	if (!mount->source || mount->source[0] != '/')
		return err_say(err, EINVAL, "its source is not the absolute path of an image file");
	item = add_item(plan, mount->source, err);
	if (!item)
		return err->code;
	item->request.origin = DISK_FROM_IMAGE;
	item->readonly = type_is(mount, "erofs") || has_option(mount, "ro");
	item->request.writable = !item->readonly;
	item->destination = strdup(mount->destination);
	return item->destination ? 0 : err_set(err, ENOMEM, "cannot plan the disks");
}

static int plan_mount(const struct oci_mount *mount, struct plan *plan, struct err *err)
{
	if (is_bind(mount))
		return plan_bind(mount, plan, err);
	if (is_image(mount))
		return plan_image(mount, plan, err);
	/* tmpfs, proc, sysfs and the like: the guest's own. */
	return 0;
}

int plan_make(const struct oci_spec *spec, const char *bundle, struct plan **ret_plan,
	      struct err *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return err_set(err, ENOMEM, "cannot plan the disks");
	r = plan_root(spec, bundle, plan, err);
	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++) {
		r = plan_mount(&spec->mounts[i], plan, err);
		if (r < 0)
			(void)err_push(err, "mount %s", spec->mounts[i].destination);
	}
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
	}
	free(plan);
}
