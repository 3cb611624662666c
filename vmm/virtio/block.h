/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-blk: a disk of the guest on a raw file or block device of the host (virtio 1.2, 5.2). */
#ifndef KATA_LIKE_VMM_VIRTIO_BLOCK_H
#define KATA_LIKE_VMM_VIRTIO_BLOCK_H

#include "lib/err.h"
#include "vmm/virtio/block-request.h"
#include "vmm/virtio/block-ring.h"
#include "vmm/virtio/device.h"

struct block_config {
	int fd; /* a regular file or block device, open for writing too unless read_only */
	bool read_only;
	char id[BLOCK_ID_BYTES];   /* what the guest reads as serial number; NUL-padded */
	struct block_rings *rings; /* NULL, or outlives the device: where its ring comes from */
};

/*
 * Makes the device; config->fd is its own from the call on, even when it fails. The size of the
 * disk is that of the file now, rounded up to sectors. -EINVAL for descriptors that cannot be a
 * disk.
 */
int block_new(const struct block_config *config, struct virtio_device **ret_dev, struct err *err)
	_must_check_;

#endif
