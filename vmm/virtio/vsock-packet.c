/* SPDX-License-Identifier: Apache-2.0 */
/* The packets of virtio-vsock: from a chain to a checked header and payload, and back. */
#include "vmm/virtio/vsock-packet.h"

#include <endian.h>
#include <string.h>

struct wire_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

_Static_assert(sizeof(struct wire_header) == VSOCK_HEADER_BYTES, "virtio 1.2, 5.10.6");

void vsock_header_encode(const struct vsock_header *header, uint8_t ret_bytes[VSOCK_HEADER_BYTES])
{
	struct wire_header wire = {
		.src_cid = htole64(header->src_cid),
		.dst_cid = htole64(header->dst_cid),
		.src_port = htole32(header->src_port),
		.dst_port = htole32(header->dst_port),
		.len = htole32(header->len_bytes),
		.type = htole16(header->type),
		.op = htole16(header->op),
		.flags = htole32(header->flags),
		.buf_alloc = htole32(header->buf_alloc),
		.fwd_cnt = htole32(header->fwd_cnt),
	};

	memcpy(ret_bytes, &wire, sizeof(wire));
}

void vsock_header_decode(const uint8_t bytes[VSOCK_HEADER_BYTES], struct vsock_header *ret_header)
{
	struct wire_header wire;

	memcpy(&wire, bytes, sizeof(wire));
	*ret_header = (struct vsock_header){
		.src_cid = le64toh(wire.src_cid),
		.dst_cid = le64toh(wire.dst_cid),
		.src_port = le32toh(wire.src_port),
		.dst_port = le32toh(wire.dst_port),
		.len_bytes = le32toh(wire.len),
		.type = le16toh(wire.type),
		.op = le16toh(wire.op),
		.flags = le32toh(wire.flags),
		.buf_alloc = le32toh(wire.buf_alloc),
		.fwd_cnt = le32toh(wire.fwd_cnt),
	};
}

int vsock_packet_parse(const struct virtq_chain *chain, uint64_t guest_cid,
		       struct vsock_packet *ret_packet)
{
	struct vsock_header *header = &ret_packet->header;
	uint8_t bytes[VSOCK_HEADER_BYTES];

	ret_packet->n_iov = 0;
	if (!virtq_chain_read(chain, 0, bytes, sizeof(bytes)))
		return VSOCK_E_MALFORMED;
	vsock_header_decode(bytes, header);
	if (header->src_cid != guest_cid)
		return VSOCK_E_FORGED;
	if (header->len_bytes > chain->out_bytes - VSOCK_HEADER_BYTES)
		return VSOCK_E_MALFORMED;
	if (header->op < VSOCK_OP_REQUEST || header->op > VSOCK_OP_CREDIT_REQUEST)
		return VSOCK_E_MALFORMED;
	if (header->dst_cid != VSOCK_CID_HOST || header->type != VSOCK_TYPE_STREAM)
		return VSOCK_E_REFUSED;
	if (header->op == VSOCK_OP_RW)
		ret_packet->n_iov = vsock_slice(chain->iov, chain->n_out, VSOCK_HEADER_BYTES,
						header->len_bytes, ret_packet->iov);
	return 0;
}

void vsock_header_refuse(const struct vsock_header *header, struct vsock_header *ret_header)
{
	*ret_header = (struct vsock_header){
		.src_cid = header->dst_cid,
		.dst_cid = header->src_cid,
		.src_port = header->dst_port,
		.dst_port = header->src_port,
		.type = header->type,
		.op = VSOCK_OP_RST,
	};
}

size_t vsock_slice(const struct iovec *iov, size_t n, size_t skip_bytes, size_t len_bytes,
		   struct iovec *ret_iov)
{
	size_t taken = 0;

	for (size_t i = 0; i < n && len_bytes > 0; i++) {
		size_t part;

		if (skip_bytes >= iov[i].iov_len) {
			skip_bytes -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip_bytes, len_bytes);
		ret_iov[taken++] = (struct iovec){
			.iov_base = (uint8_t *)iov[i].iov_base + skip_bytes,
			.iov_len = part,
		};
		len_bytes -= part;
		skip_bytes = 0;
	}
	return taken;
}
