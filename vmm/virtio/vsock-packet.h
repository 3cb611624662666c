/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packets of virtio-vsock (virtio 1.2, 5.10.6): a pure parser and builder, third of the four
 * walls. The header is copied out of guest memory once; the payload stays where it is, as host
 * buffers.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_PACKET_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_PACKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/cleanup.h"
#include "vmm/virtio/virtq.h"

#define VSOCK_HEADER_BYTES 44u
#define VSOCK_CID_HOST	   2u
#define VSOCK_TYPE_STREAM  1u

enum vsock_op {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE = 2,
	VSOCK_OP_RST = 3,
	VSOCK_OP_SHUTDOWN = 4,
	VSOCK_OP_RW = 5,
	VSOCK_OP_CREDIT_UPDATE = 6,
	VSOCK_OP_CREDIT_REQUEST = 7,
};

/* Flags of VSOCK_OP_SHUTDOWN: the sender will receive, or send, no more. */
#define VSOCK_SHUTDOWN_RCV  1u
#define VSOCK_SHUTDOWN_SEND 2u
#define VSOCK_SHUTDOWN_BOTH 3u

/* struct virtio_vsock_hdr in the host's byte order. */
struct vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len_bytes; /* of the payload */
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt; /* the sender's receive buffer, and what it took out of it */
};

/* A packet from the guest. The payload (of RW only) is the guest's and may change at any moment. */
struct vsock_packet {
	struct vsock_header header;
	size_t n_iov;
	struct iovec iov[VIRTQ_CHAIN_MAX]; /* exactly header.len_bytes together if op is RW */
};

/* Positive results of parsing: the guest's doing. */
#define VSOCK_E_MALFORMED \
	1 /* no whole header, an unknown op, or a length beyond the buffer: drop it */
#define VSOCK_E_FORGED	2 /* not from the guest's own CID: drop it */
#define VSOCK_E_REFUSED 3 /* to another CID than the host's, or no stream: answer with RST */

/*
 * Parses the readable part of chain. 0, or VSOCK_E_*; ret_packet->header is valid with 0 and
 * VSOCK_E_REFUSED, its payload with 0 only.
 */
int vsock_packet_parse(const struct virtq_chain *chain, uint64_t guest_cid,
		       struct vsock_packet *ret_packet) _must_check_;

/* The header as it stands in guest memory. */
void vsock_header_encode(const struct vsock_header *header, uint8_t ret_bytes[VSOCK_HEADER_BYTES]);
void vsock_header_decode(const uint8_t bytes[VSOCK_HEADER_BYTES], struct vsock_header *ret_header);

/* The RST that answers a packet nobody here wants. */
void vsock_header_refuse(const struct vsock_header *header, struct vsock_header *ret_header);

/*
 * The buffers of the at most len_bytes that start skip_bytes into the n buffers of iov. ret_iov has
 * room for n. Returns how many it took.
 */
size_t vsock_slice(const struct iovec *iov, size_t n, size_t skip_bytes, size_t len_bytes,
		   struct iovec *ret_iov);

#endif
