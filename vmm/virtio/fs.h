/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-fs (virtio 1.2, 5.11): a file system of the host, served to the guest by another process
 * over vhost-user. The device lets guest and file server meet; no request passes through here.
 *
 * When the file server goes away, each request it left unanswered and each further one is answered
 * with ENOTCONN, so that nothing in the guest waits for ever. A file server does not come back.
 *
 * There is no DAX window: it would map files of the host into the guest, which page cache of the
 * guest's own does without.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_FS_H
#define KATA_LIKE_VMM_VIRTIO_FS_H

#include "lib/err.h"
#include "vmm/virtio/device.h"

#define FS_TAG_MAX 36u /* bytes, without a NUL */

struct fs_config {
	int fd;		 /* a stream socket connected to the file server; taken, on failure too */
	const char *tag; /* what the guest mounts by; 1 to FS_TAG_MAX bytes */
	unsigned timeout_ms; /* how long the file server may take to obey; 0: the default */
};

/* Negotiates with the file server, for as long as that takes within the limit. -EPROTO, -EINVAL. */
int fs_new(const struct fs_config *config, struct virtio_device **ret_dev, struct err *err)
	_must_check_;

#endif
