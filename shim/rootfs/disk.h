/* SPDX-License-Identifier: Apache-2.0 */
/* A file that the VM gets as a virtio-blk disk: an image made from a folder, or one that was there.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_DISK_H
#define KATA_LIKE_SHIM_ROOTFS_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

#define DISK_SERIAL_MAX	    20 /* without the NUL: what virtio-blk's GET_ID holds */
#define DISK_FILESYSTEM_MAX 8

struct disk {
	char serial[DISK_SERIAL_MAX + 1]; /* names the content: equal serials are the same disk */
	char filesystem[DISK_FILESYSTEM_MAX]; /* "erofs", "ext4" */
	bool writable;
	int fd;
};

/* How a path is to become a disk. */
enum disk_origin {
	DISK_FROM_TREE,	 /* a folder, or a single file: an EROFS image of it, from the cache */
	DISK_FROM_IMAGE, /* an image file or a block device as it is */
};

struct disk_request {
	enum disk_origin origin;
	bool writable; /* images only */
	const char *path;
};

/*
 * Makes the disk ready and opens it. Blocks, for as long as an image takes to be built. A writable
 * image is locked against use by another VM (flock), a read-only one against a writer: -EBUSY; a
 * writable device is opened for this one alone. fd
 * is the caller's.
 */
int disk_open(const struct disk_request *request, struct disk *ret_disk, struct err *err)
	_must_check_;

#endif
