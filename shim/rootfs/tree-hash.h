/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fingerprint of a folder or file without reading contents: SHA-256 over the names and the
 * metadata of everything in it, in the order of names. Inode (but on an overlay or 9p, where it
 * does not last), change time and size are part of it, so any write, rename or change of owner,
 * mode or extended attribute gives another fingerprint; a copy of a tree has one of its own.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_TREE_HASH_H
#define KATA_LIKE_SHIM_ROOTFS_TREE_HASH_H

#include <stdint.h>

#include "lib/err.h"

#define TREE_HASH_BYTES 32

/*
 * Walks what path names (links within are not followed, path itself may be one). -EXDEV when
 * another file system is mounted inside, -ENOENT, -EACCES and the like with the path at fault.
 * ret_size_bytes (or NULL): of all files, with what they have no blocks for.
 */
int tree_hash(const char *path, uint8_t ret_hash[TREE_HASH_BYTES], uint64_t *ret_size_bytes,
	      struct err *err) _must_check_;

#endif
