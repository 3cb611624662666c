/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block request parser over arbitrary chains. Input: sectors of the disk (8 bytes), largest
 * erase (2), flags (1), then for each buffer its length (2; the top bit: writable), a length of 0
 * ending the list, and then what the readable ones contain.
 */
#include <stdlib.h>

#include "tests/fuzz/input.h"
#include "vmm/virtio/block-request.h"

#define WRITABLE 0x8000u

/* Each buffer is an allocation of its own, so that a byte too far is seen. */
static bool add_buffer(struct virtq_chain *chain, uint16_t descriptor)
{
	uint32_t len = descriptor & ~WRITABLE;
	unsigned n = (unsigned)chain->n_out + chain->n_in;
	uint8_t *bytes;

	if (len == 0 || n == VIRTQ_CHAIN_MAX)
		return false;
	if (!(descriptor & WRITABLE) && chain->n_in > 0)
		return false;
	bytes = malloc(len);
	FUZZ_CHECK(bytes);
	chain->iov[n] = (struct iovec){ bytes, len };
	if (descriptor & WRITABLE) {
		memset(bytes, 0xa5, len);
		chain->n_in++;
		chain->in_bytes += len;
	} else {
		chain->n_out++;
		chain->out_bytes += len;
	}
	return true;
}

static bool within(const struct virtq_chain *chain, const struct iovec *part, bool writable)
{
	unsigned first = writable ? chain->n_out : 0;
	unsigned n = writable ? chain->n_in : chain->n_out;
	const uint8_t *at = part->iov_base;

	for (unsigned i = first; i < first + n; i++) {
		const uint8_t *start = chain->iov[i].iov_base;

		if (at >= start && at < start + chain->iov[i].iov_len)
			return part->iov_len <= (size_t)(start + chain->iov[i].iov_len - at);
	}
	return false;
}

static void check_buffers(const struct virtq_chain *chain, const struct block_request *request)
{
	bool writable = request->op != BLOCK_OP_WRITE;
	bool has_data = request->op == BLOCK_OP_READ || request->op == BLOCK_OP_WRITE ||
			request->op == BLOCK_OP_GET_ID;
	uint64_t sum = 0;

	for (unsigned i = 0; i < request->n_iov; i++) {
		FUZZ_CHECK(request->iov[i].iov_len > 0);
		FUZZ_CHECK(within(chain, &request->iov[i], writable));
		sum += request->iov[i].iov_len;
	}
	FUZZ_CHECK(sum == (has_data ? request->len_bytes : 0));
}

static void check_range(const struct block_limits *limits, const struct block_request *request)
{
	FUZZ_CHECK(request->len_bytes > 0 && request->len_bytes % BLOCK_SECTOR_BYTES == 0);
	FUZZ_CHECK(request->offset_bytes % BLOCK_SECTOR_BYTES == 0);
	FUZZ_CHECK((request->offset_bytes + request->len_bytes) / BLOCK_SECTOR_BYTES <=
		   limits->n_sectors);
	FUZZ_CHECK(request->op == BLOCK_OP_READ || !limits->read_only);
}

/* The contract of struct block_request. */
static void check_request(const struct virtq_chain *chain, const struct block_limits *limits,
			  const struct block_request *request)
{
	struct iovec status = { request->status_byte, 1 };

	FUZZ_CHECK(within(chain, &status, true));
	FUZZ_CHECK(request->room_bytes == chain->in_bytes - 1);
	if (request->status != BLOCK_OK)
		return;
	check_buffers(chain, request);
	if (request->op != BLOCK_OP_FLUSH && request->op != BLOCK_OP_GET_ID)
		check_range(limits, request);
	if (request->op == BLOCK_OP_READ)
		block_request_zero(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct virtq_chain chain;
	static struct block_request request;
	struct fuzz_input input = { data, size };
	struct block_limits limits = { 0 };
	uint8_t flags;

	/* A disk has at most 2^63 bytes: off_t is signed. */
	limits.n_sectors = fuzz_take64(&input) >> 10;
	limits.max_erase_sectors = fuzz_take16(&input);
	flags = fuzz_take8(&input);
	limits.read_only = flags & 1;
	limits.can_discard = flags & 2;
	limits.can_write_zeroes = flags & 4;
	chain.n_out = chain.n_in = 0;
	chain.out_bytes = chain.in_bytes = 0;
	while (add_buffer(&chain, fuzz_take16(&input)))
		;
	for (unsigned i = 0; i < chain.n_out; i++)
		fuzz_take(&input, chain.iov[i].iov_base, chain.iov[i].iov_len);
	if (chain.n_out + chain.n_in > 0 && block_request_parse(&chain, &limits, &request) == 0)
		check_request(&chain, &limits, &request);
	for (unsigned i = 0; i < (unsigned)chain.n_out + chain.n_in; i++)
		free(chain.iov[i].iov_base);
	return 0;
}
