/* SPDX-License-Identifier: Apache-2.0 */
/* The containers' methods. */
#include <errno.h>
#include <string.h>

#include "agent/container/cgroup-convert.h"
#include "agent/machine.h"
#include "agent/mount/memory.h"
#include "agent/mount/shared.h"
#include "agent/rpc/handlers.h"
#include "common.pb-c.h"
#include "oci/idmap.h"

static char *copy(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

/* The request is freed before the container is, so what it names is copied beside the spec. */
static int copy_disk(struct arena *arena, const KataLike__Agent__V1__Disk *from, struct disk *disk,
		     struct err *err)
{
	if (!*from->serial || !*from->filesystem)
		return err_say(err, EINVAL, "a disk needs a serial and a file system");
	disk->serial = copy(arena, from->serial);
	disk->filesystem = copy(arena, from->filesystem);
	disk->options.list = arena_alloc(arena, from->n_options + 1, sizeof(char *));
	disk->options.n = from->n_options;
	if (!disk->serial || !disk->filesystem || !disk->options.list)
		return err_set(err, ENOMEM, "disks");
	for (size_t i = 0; i < from->n_options; i++) {
		disk->options.list[i] = copy(arena, from->options[i]);
		if (!disk->options.list[i])
			return err_set(err, ENOMEM, "disks");
	}
	return 0;
}

static int take_rootfs(const struct agent *agent, const KataLike__Agent__V1__Rootfs *from,
		       struct container_params *params, struct err *err)
{
	struct arena *arena = &params->spec->arena;
	struct rootfs *rootfs = &params->rootfs;

	if (agent->root_from_bundle && !from) {
		rootfs->kind = ROOTFS_DIRECTORY;
		rootfs->directory = params->spec->root_path;
		return 0;
	}
	if (!from || (from->lower != NULL) + (from->disk != NULL) + (*from->shared != '\0') != 1)
		return err_say(err, EINVAL,
			       "the root file system needs one disk, read-only below an overlay "
			       "or writable, or a shared directory");
	if (*from->shared) {
		rootfs->kind = ROOTFS_DIRECTORY;
		rootfs->directory = arena_alloc(arena, SHARED_PATH_MAX, 1);
		return rootfs->directory ? shared_use(from->shared, rootfs->directory, err)
					 : err_set(err, ENOMEM, "root file system");
	}
	rootfs->overlay_size_bytes = from->overlay_size_bytes;
	rootfs->kind = from->lower ? ROOTFS_OVERLAY : ROOTFS_DISK;
	return copy_disk(arena, from->lower ? from->lower : from->disk, &rootfs->disk, err);
}

static int take_disk_mounts(const KataLike__Agent__V1__CreateContainerRequest *request,
			    struct container_params *params, struct err *err)
{
	struct arena *arena = &params->spec->arena;
	size_t n = request->n_disk_mounts;

	params->disks = arena_alloc(arena, n + 1, sizeof(*params->disks));
	if (!params->disks)
		return err_set(err, ENOMEM, "disks");
	for (size_t i = 0; i < n; i++) {
		const KataLike__Agent__V1__DiskMount *from = request->disk_mounts[i];
		struct disk_mount *disk = &params->disks[i];
		int r;

		if (!from->disk)
			return err_say(err, EINVAL, "the mount on %s has no disk",
				       from->destination);
		r = copy_disk(arena, from->disk, &disk->disk, err);
		if (r < 0)
			return r;
		disk->destination = copy(arena, from->destination);
		disk->subpath = copy(arena, from->subpath);
		if (!disk->destination || !disk->subpath)
			return err_set(err, ENOMEM, "disks");
	}
	params->n_disks = n;
	return 0;
}

static int take_shared_mounts(const KataLike__Agent__V1__CreateContainerRequest *request,
			      struct oci_spec *spec, struct err *err)
{
	for (size_t i = 0; i < request->n_shared_mounts; i++) {
		const KataLike__Agent__V1__SharedMount *from = request->shared_mounts[i];
		char *source = arena_alloc(&spec->arena, SHARED_PATH_MAX, 1);
		int r;

		if (!source)
			return err_set(err, ENOMEM, "shared mounts");
		if (from->index >= spec->n_mounts)
			return err_say(err, EINVAL, "config.json has no mount %u", from->index);
		r = shared_use(from->path, source, err);
		if (r < 0)
			return err_push(err, "mount %s", spec->mounts[from->index].destination);
		spec->mounts[from->index].source = source;
		/* The host did it: virtio-fs cannot. */
		oci_mount_unmap(&spec->mounts[from->index]);
	}
	return 0;
}

static int take_memory_mounts(const KataLike__Agent__V1__CreateContainerRequest *request,
			      struct oci_spec *spec, struct err *err)
{
	for (size_t i = 0; i < request->n_memory_mounts; i++) {
		const KataLike__Agent__V1__MemoryMount *from = request->memory_mounts[i];
		const struct memory_volume volume = { from->name, from->size_bytes, from->mode,
						      from->uid, from->gid };
		char *source = arena_alloc(&spec->arena, MEMORY_PATH_MAX, 1);
		int r;

		if (!source)
			return err_set(err, ENOMEM, "volumes in memory");
		if (from->index >= spec->n_mounts)
			return err_say(err, EINVAL, "config.json has no mount %u", from->index);
		r = memory_use(&volume, source, err);
		if (r < 0)
			return err_push(err, "mount %s", spec->mounts[from->index].destination);
		spec->mounts[from->index].source = source;
	}
	return 0;
}

static int weigh_disks(const struct oci_resources *resources, struct err *err)
{
	return resources && cgroup_weighs_disks(resources) ? machine_weigh_disks(err) : 0;
}

static int take_params(const struct agent *agent,
		       const KataLike__Agent__V1__CreateContainerRequest *request,
		       struct container_params *params, struct err *err)
{
	int r = oci_spec_parse((const char *)request->config_json.data, request->config_json.len,
			       &params->spec, err);

	if (r == 0)
		r = take_rootfs(agent, request->rootfs, params, err);
	if (r == 0)
		r = take_disk_mounts(request, params, err);
	if (r == 0)
		r = take_shared_mounts(request, params->spec, err);
	if (r == 0)
		r = take_memory_mounts(request, params->spec, err);
	if (r == 0 && request->stdio && params->spec->process)
		params->spec->process->terminal = request->stdio->terminal;
	if (r == 0)
		r = weigh_disks(params->spec->linux_.resources, err);
	if (r == 0)
		r = rpc_connect_stdio(agent, request->stdio, &params->outside, err);
	if (r < 0) {
		oci_spec_free(params->spec);
		params->spec = NULL;
	}
	return r;
}

static void on_created(void *ctx, const struct err *err, pid_t pid)
{
	KataLike__Agent__V1__CreateContainerResponse response =
		KATA_LIKE__AGENT__V1__CREATE_CONTAINER_RESPONSE__INIT;
	struct ttrpc_call *call = ctx;

	if (err) {
		ttrpc_call_fail_err(call, err);
		return;
	}
	response.pid = (uint32_t)pid;
	ttrpc_call_reply(call, &response.base);
}

void rpc_create_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__CreateContainerRequest *request = (const void *)message;
	struct container_params params = { .id = request->container_id,
					   .outside = STDIO_OUTSIDE_NONE };
	struct agent *agent = ctx;
	struct err err = ERR_INIT;
	int r = take_params(agent, request, &params, &err);

	if (r == 0)
		r = container_create(&agent->engine, &params, on_created, call, &err);
	if (r < 0)
		ttrpc_call_fail_err(call, &err);
}

void rpc_start_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct err err = ERR_INIT;

	if (container && container_start(container, rpc_answer_empty, call, &err) < 0)
		ttrpc_call_fail_err(call, &err);
}

void rpc_delete_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct err err = ERR_INIT;

	if (container && container_delete(container, rpc_answer_empty, call, &err) < 0)
		ttrpc_call_fail_err(call, &err);
}

void rpc_pause_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct err err = ERR_INIT;

	if (container && container_pause(container, rpc_answer_empty, call, &err) < 0)
		ttrpc_call_fail_err(call, &err);
}

void rpc_resume_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct err err = ERR_INIT;

	if (!container)
		return;
	if (container_resume(container, &err) < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}

void rpc_update_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__UpdateContainerRequest *request = (const void *)message;
	struct container *container = rpc_find_container(ctx, call, request->container_id);
	struct oci_resources_doc *doc = NULL;
	struct err err = ERR_INIT;
	int r;

	if (!container)
		return;
	r = oci_resources_parse((const char *)request->resources_json.data,
				request->resources_json.len, &doc, &err);
	if (r == 0)
		r = weigh_disks(&doc->resources, &err);
	if (r == 0)
		r = cgroup_apply(container->cgroup, &doc->resources, &err);
	/* Rules for devices that an update does not name stay as they are. */
	if (r == 0 && doc->resources.n_devices > 0)
		r = cgroup_apply_devices(container->cgroup, &doc->resources, &err);
	oci_resources_free(doc);
	if (r < 0)
		ttrpc_call_fail_err(call, &err);
	else
		ttrpc_call_reply_empty(call);
}
