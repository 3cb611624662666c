/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EROFS images of folders, made by mkfs.erofs and kept in the cache (paths_cache("images")) under a
 * name that follows from the folder's fingerprint. Uncompressed, with owners, times and extended
 * attributes. The cache is bounded: the least recently used images go when it holds more than
 * IMAGE_CACHE_MAX_BYTES. One that a VM has open goes on to exist for it.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_IMAGE_H
#define KATA_LIKE_SHIM_ROOTFS_IMAGE_H

#include <stdint.h>

#include "lib/err.h"
#include "shim/rootfs/tree-hash.h"

#define IMAGE_CACHE_MAX_BYTES (8ull << 30)

/*
 * Opens the image of a folder for reading, making it if need be; of a single file it is a folder
 * that holds a copy under the file's own name. ret_serial: DISK_SERIAL_MAX + 1 bytes. Blocks. The
 * folder is never written to.
 */
int image_open(const char *path, char *ret_serial, int *ret_fd, struct err *err) _must_check_;

/* A disk's serial from a fingerprint: a letter and 19 hexadecimal digits. */
void image_serial(const uint8_t hash[TREE_HASH_BYTES], char kind, char *ret_serial);

#endif
