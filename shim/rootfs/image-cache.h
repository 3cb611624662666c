/* SPDX-License-Identifier: Apache-2.0 */
/* The folder that images are kept in: its lock and its bound. */
#ifndef KATA_LIKE_SHIM_ROOTFS_IMAGE_CACHE_H
#define KATA_LIKE_SHIM_ROOTFS_IMAGE_CACHE_H

#include <stdint.h>

#include "lib/err.h"
#include "shim/rootfs/tree-hash.h"

/*
 * Makes the folder if need be and waits until nobody else builds the image of this fingerprint.
 * Closing ret_lock_fd, the caller's, lets the next one in.
 */
int image_cache_lock(const uint8_t hash[TREE_HASH_BYTES], int *ret_lock_fd, struct err *err)
	_must_check_;

/*
 * Removes the least recently used images until at most max_bytes are kept, and what builders that
 * were killed have left. keep: the serial of one that stays in any case. Failing is no error: the
 * cache is then larger than it should be.
 */
void image_cache_evict(const char *keep, uint64_t max_bytes);

#endif
