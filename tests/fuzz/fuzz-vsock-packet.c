/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the vsock packet parser. Input: the length of the chain's pieces less 1, the guest's CID,
 * then what the guest sent.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/virtio/vsock-packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_payload(const struct vsock_packet *packet, const uint8_t *bytes, size_t len)
{
	size_t sum = 0;

	for (size_t i = 0; i < packet->n_iov; i++) {
		const uint8_t *at = packet->iov[i].iov_base;

		require(at == bytes + VSOCK_HEADER_BYTES + sum);
		require(packet->iov[i].iov_len > 0);
		sum += packet->iov[i].iov_len;
	}
	require(sum == (packet->header.op == VSOCK_OP_RW ? packet->header.len_bytes : 0));
	require(VSOCK_HEADER_BYTES + sum <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virtq_chain chain = { 0 };
	struct vsock_packet packet;
	struct vsock_header refusal;
	uint8_t again[VSOCK_HEADER_BYTES];
	uint8_t *bytes;
	size_t piece, len;
	int r;

	if (size < 2)
		return 0;
	piece = data[0] + 1u;
	len = MIN(size - 2, piece * VIRTQ_CHAIN_MAX);
	/* A copy of its own, so that a look beyond it is seen. */
	bytes = malloc(len ? len : 1);
	require(bytes != NULL);
	memcpy(bytes, data + 2, len);
	for (size_t at = 0; at < len; at += piece)
		chain.iov[chain.n_out++] = (struct iovec){ bytes + at, MIN(piece, len - at) };
	chain.out_bytes = (uint32_t)len;
	r = vsock_packet_parse(&chain, data[1], &packet);
	if (r == 0) {
		check_payload(&packet, bytes, len);
		vsock_header_encode(&packet.header, again);
		require(memcmp(again, bytes, sizeof(again)) == 0);
	} else if (r == VSOCK_E_REFUSED) {
		vsock_header_refuse(&packet.header, &refusal);
		require(refusal.dst_cid == data[1] && refusal.len_bytes == 0);
	}
	free(bytes);
	return 0;
}
