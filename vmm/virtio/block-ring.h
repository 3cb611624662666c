/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of io_uring for disks. io_uring reaches past a filter of system calls: whoever may make
 * rings may have the kernel open files or talk over sockets. So every ring is made before the VMM's
 * jail shuts (vmm/jail/), takes nothing but the operations of a disk, and cannot be changed; disks
 * that come later get a ring that was made then.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_BLOCK_RING_H
#define KATA_LIKE_VMM_VIRTIO_BLOCK_RING_H

#include <liburing.h>
#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/err.h"

#define BLOCK_RINGS_MAX 32u

struct block_ring {
	struct io_uring ring;
	int event_fd; /* readable when there may be completions */
};

/* The rings that no disk has. All zeros: none, and new ones may still be made. */
struct block_rings {
	struct block_ring *spare[BLOCK_RINGS_MAX];
	size_t n;
	bool shut;
};

/* Makes n rings to be taken later, after which no other is made. n is BLOCK_RINGS_MAX at most. */
int block_rings_init(struct block_rings *rings, size_t n, struct err *err) _must_check_;
/* No ring may be taken. */
void block_rings_fini(struct block_rings *rings);

/* A ring with room for BLOCK_JOBS_MAX. rings NULL: a new one. -ENOSPC: all are taken. */
int block_rings_take(struct block_rings *rings, struct block_ring **ret_ring, struct err *err)
	_must_check_;
/* Gives it back. Nothing is in flight on it. */
void block_rings_put(struct block_rings *rings, struct block_ring *ring);

#endif
