/* SPDX-License-Identifier: Apache-2.0 */
/* Disks and the shared folder come into a running VM. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "proto/shared-folder.h"
#include "shim/sandbox/storage-private.h"
#include "shim/sandbox/vmm-process.h"
#include "vmm.pb-c.h"

#define PLUG_TIMEOUT_MS 10000

static void plug_next(struct storage *storage);

static void plugged(struct storage *storage, const struct err *err)
{
	storage->done(storage->done_ctx, err);
}

static void fail_status(struct storage *storage, const char *what,
			const struct ttrpc_status *status)
{
	struct err err = ERR_INIT;

	(void)ttrpc_status_to_err(status, &err);
	(void)err_push(&err, "cannot add %s to the VM", what);
	plugged(storage, &err);
}

static void disk_added(void *ctx, const struct ttrpc_status *status,
		       const ProtobufCMessage *response)
{
	struct storage *storage = ctx;
	struct storage_disk *disk = &storage->disks[storage->plugging];
	const KataLike__Vmm__V1__AddDeviceResponse *added = (const void *)response;

	close(disk->disk.fd);
	disk->disk.fd = -1;
	if (status->code != TTRPC_OK) {
		storage_forget_disk(storage, storage->plugging);
		fail_status(storage, "a disk", status);
		return;
	}
	disk->in_vm = true;
	(void)snprintf(disk->address, sizeof(disk->address), "%s", added->address);
	log_debug("disk %s is at %s", disk->disk.serial, disk->address);
	plug_next(storage);
}

static int add_disk(struct storage *storage, const struct storage_disk *disk, struct err *err)
{
	KataLike__Vmm__V1__AddDiskRequest request = KATA_LIKE__VMM__V1__ADD_DISK_REQUEST__INIT;
	struct vmm_process *vmm = sandbox_vmm(storage->sandbox);
	int r = vmm_process_send(vmm, disk->disk.fd, &request.token, err);

	if (r < 0)
		return r;
	request.read_only = !disk->disk.writable;
	request.serial = (char *)disk->disk.serial;
	if (disk->disk.writable)
		sandbox_note_writes(storage->sandbox);
	return vmm_process_call(vmm, "AddDisk",
				&kata_like__vmm__v1__add_device_response__descriptor, &request.base,
				PLUG_TIMEOUT_MS, disk_added, storage, err);
}

static void fs_added(void *ctx, const struct ttrpc_status *status, const ProtobufCMessage *response)
{
	struct storage *storage = ctx;

	(void)response;
	if (status->code != TTRPC_OK) {
		fail_status(storage, "a shared folder", status);
		return;
	}
	storage->served = true;
	plug_next(storage);
}

static int add_fs(struct storage *storage, struct err *err)
{
	KataLike__Vmm__V1__AddFsRequest request = KATA_LIKE__VMM__V1__ADD_FS_REQUEST__INIT;
	struct vmm_process *vmm = sandbox_vmm(storage->sandbox);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!storage->shared_memory)
		return err_say(err, ENOTSUP,
			       "files of the host cannot be shared with this pod any more: its VM "
			       "was started for a container that shares none, so without shared "
			       "memory; start it with a bind mount, or set shared_memory = true in "
			       "[storage] of the configuration");
	r = storage_start_server(storage, &fd, err);

	if (r == 0)
		r = vmm_process_send(vmm, fd, &request.token, err);
	if (r < 0)
		return r;
	request.tag = (char *)SHARED_FOLDER_TAG;
	sandbox_note_writes(storage->sandbox);
	return vmm_process_call(vmm, "AddFs", &kata_like__vmm__v1__add_device_response__descriptor,
				&request.base, PLUG_TIMEOUT_MS, fs_added, storage, err);
}

static void plug_next(struct storage *storage)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < storage->n_disks; i++) {
		if (storage->disks[i].in_vm)
			continue;
		storage->plugging = i;
		if (add_disk(storage, &storage->disks[i], &err) < 0)
			plugged(storage, &err);
		return;
	}
	if (storage->n_shares == 0 || storage->served || add_fs(storage, &err) < 0)
		plugged(storage, &err);
}

void storage_plug(struct storage *storage, storage_done_fn *done, void *ctx)
{
	storage->done = done;
	storage->done_ctx = ctx;
	plug_next(storage);
}
