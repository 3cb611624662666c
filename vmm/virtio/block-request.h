/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block requests (virtio 1.2, 5.2.6): from a chain of guest buffers to a request whose every number
 * was checked. Pure: no descriptors, no system calls, and the guest's memory is read once.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_BLOCK_REQUEST_H
#define KATA_LIKE_VMM_VIRTIO_BLOCK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vmm/virtio/virtq.h"

#define BLOCK_SECTOR_BYTES 512u
#define BLOCK_ID_BYTES	   20u

/* The driver sent no header or left no room for a status: there is no way to answer it. */
#define BLOCK_REQUEST_E_MALFORMED 1

/* Status bytes (virtio 1.2, 5.2.6). */
enum block_status {
	BLOCK_OK = 0,
	BLOCK_IO_ERROR = 1,
	BLOCK_UNSUPPORTED = 2,
};

enum block_op {
	BLOCK_OP_READ,
	BLOCK_OP_WRITE,
	BLOCK_OP_FLUSH,
	BLOCK_OP_GET_ID,
	BLOCK_OP_DISCARD,
	BLOCK_OP_WRITE_ZEROES,
};

/* What a request is checked against. */
struct block_limits {
	uint64_t n_sectors;
	uint32_t max_erase_sectors; /* of one discard or write-zeroes */
	bool read_only;
	bool can_discard, can_write_zeroes; /* negotiated */
};

/*
 * Contract, for a status of BLOCK_OK: [offset_bytes, offset_bytes + len_bytes) lies within the disk
 * and is not empty for all operations that have a range; for reads, writes and GET_ID the iov has
 * exactly len_bytes.
 */
struct block_request {
	enum block_op op;
	enum block_status status; /* other than BLOCK_OK: answer with it, there is nothing to do */
	uint64_t offset_bytes;
	uint64_t len_bytes;
	bool unmap;	      /* WRITE_ZEROES may give the space back */
	uint32_t room_bytes;  /* what the chain can take before the status byte */
	uint8_t *status_byte; /* the guest's */
	uint16_t head;
	uint16_t n_iov;
	struct iovec iov[VIRTQ_CHAIN_MAX];
};

/* 0 or BLOCK_REQUEST_E_MALFORMED. */
int block_request_parse(const struct virtq_chain *chain, const struct block_limits *limits,
			struct block_request *ret_request) _must_check_;

/*
 * The used length for a request that ended with data_bytes written to the start of the chain's
 * room, the status byte then written behind all of the room: it counts only what was written
 * without a gap.
 */
uint32_t block_request_used_bytes(const struct block_request *request, uint32_t data_bytes)
	_must_check_;

/* Fills what the iov still has with zeros. */
void block_request_zero(const struct block_request *request);

#endif
