/* SPDX-License-Identifier: Apache-2.0 */
/* A container's part of the agent's API: the request that makes it. */
#include "shim/create-request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.pb-c.h"

/* Its parts point at each other, and at what it was made from. */
struct create_request {
	KataLike__Agent__V1__CreateContainerRequest message;
	KataLike__Agent__V1__Rootfs rootfs;
	KataLike__Agent__V1__Stdio stdio;
	KataLike__Agent__V1__Disk disks[PLAN_DISKS_MAX];
	KataLike__Agent__V1__DiskMount mounts[PLAN_DISKS_MAX], *mount_list[PLAN_DISKS_MAX];
	char *options[PLAN_DISKS_MAX][2];
	KataLike__Agent__V1__SharedMount shared[PLAN_ITEMS_MAX], *shared_list[PLAN_ITEMS_MAX];
	char names[PLAN_ITEMS_MAX][12];
	KataLike__Agent__V1__MemoryMount memory[PLAN_ITEMS_MAX], *memory_list[PLAN_ITEMS_MAX];
};

/* How the guest mounts a disk. The strings are constants. */
static void describe_disk(const struct disk *disk, bool readonly, KataLike__Agent__V1__Disk *ret,
			  char **options)
{
	kata_like__agent__v1__disk__init(ret);
	ret->serial = (char *)disk->serial;
	ret->filesystem = (char *)disk->filesystem;
	ret->options = options;
	if (readonly)
		options[ret->n_options++] = (char *)"ro";
	/* A journal cannot be replayed onto a disk that is read-only. */
	if (readonly && strcmp(disk->filesystem, "ext4") == 0)
		options[ret->n_options++] = (char *)"noload";
}

static void fill_disk(const struct plan_item *item, const struct disk *disk, size_t i,
		      struct create_request *request)
{
	KataLike__Agent__V1__DiskMount *mount = &request->mounts[i];

	describe_disk(disk, item->readonly, &request->disks[i], request->options[i]);
	if (!item->destination) {
		/* What is not its own stays as it is, below an overlay. */
		if (item->readonly)
			request->rootfs.lower = &request->disks[i];
		else
			request->rootfs.disk = &request->disks[i];
		return;
	}
	kata_like__agent__v1__disk_mount__init(mount);
	mount->destination = item->destination;
	mount->disk = &request->disks[i];
	if (item->subpath)
		mount->subpath = item->subpath;
	request->mount_list[request->message.n_disk_mounts++] = mount;
}

static void fill_share(const struct plan_item *item, const struct prepared_share *share, size_t i,
		       struct create_request *request)
{
	KataLike__Agent__V1__SharedMount *mount = &request->shared[i];

	(void)snprintf(request->names[i], sizeof(request->names[i]), "%" PRIu32, share->number);
	if (!item->destination) {
		request->rootfs.shared = request->names[i];
		return;
	}
	kata_like__agent__v1__shared_mount__init(mount);
	mount->index = (uint32_t)item->index;
	mount->path = request->names[i];
	request->shared_list[request->message.n_shared_mounts++] = mount;
}

static void fill_memory(const struct plan_memory *volume, size_t i, struct create_request *request)
{
	KataLike__Agent__V1__MemoryMount *mount = &request->memory[i];

	kata_like__agent__v1__memory_mount__init(mount);
	mount->index = (uint32_t)volume->index;
	mount->name = (char *)volume->name;
	mount->size_bytes = volume->size_bytes;
	mount->mode = volume->mode;
	mount->uid = volume->uid;
	mount->gid = volume->gid;
	request->memory_list[request->message.n_memory_mounts++] = mount;
}

int create_request_new(const struct container *container, const struct plan *plan,
		       const struct prepared *prepared, const char *config, size_t config_len,
		       struct create_request **ret_request, struct err *err)
{
	struct create_request *request = calloc(1, sizeof(*request));
	size_t disk = 0, share = 0;

	if (!request)
		return err_set(err, ENOMEM, "cannot make the container");
	kata_like__agent__v1__create_container_request__init(&request->message);
	kata_like__agent__v1__rootfs__init(&request->rootfs);
	kata_like__agent__v1__stdio__init(&request->stdio);
	request->message.container_id = (char *)container->id;
	request->message.config_json =
		(ProtobufCBinaryData){ config_len, (uint8_t *)(uintptr_t)config };
	request->message.rootfs = &request->rootfs;
	request->message.stdio = &request->stdio;
	request->message.disk_mounts = request->mount_list;
	request->message.shared_mounts = request->shared_list;
	request->message.memory_mounts = request->memory_list;
	process_describe_stdio(container->init, &request->stdio);
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct plan_item *item = &plan->items[i];

		if (item->way == PLAN_DISK) {
			fill_disk(item, &prepared->disks[disk], disk, request);
			disk++;
		} else {
			fill_share(item, &prepared->shares[share], share, request);
			share++;
		}
	}
	for (size_t i = 0; i < plan->n_memory; i++)
		fill_memory(&plan->memory[i], i, request);
	*ret_request = request;
	return 0;
}

const ProtobufCMessage *create_request_message(const struct create_request *request)
{
	return &request->message.base;
}
