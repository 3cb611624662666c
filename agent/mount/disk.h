/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices of the VM, found by the serial that the host gave them. */
#ifndef KATA_LIKE_AGENT_MOUNT_DISK_H
#define KATA_LIKE_AGENT_MOUNT_DISK_H

#include "oci/spec.h"

struct disk {
	char *serial; /* virtio-blk's id, at most 20 bytes */
	char *filesystem;
	struct oci_strings options;
};

/* Longest "/dev/…" that disk_find() hands out. */
#define DISK_PATH_MAX 64

/*
 * The device of that serial. One that is not there is looked for on the PCI bus again, for at most
 * two seconds. 0, -ENODEV, or -errno.
 */
int disk_find(const char *serial, char ret_path[DISK_PATH_MAX], struct err *err) _must_check_;

/* Mounts its file system, attached nowhere. The descriptor, or -errno. */
int disk_mount(const struct disk *disk, struct err *err) _must_check_;

/*
 * Takes the PCI device at address ("0000:00:05.0") from its driver, so that the VMM can remove it.
 * -EINVAL for what is no address, -ENOENT, -EBUSY while a disk on it is mounted or open.
 */
int disk_remove(const char *address, struct err *err) _must_check_;

#endif
