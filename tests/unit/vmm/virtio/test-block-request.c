/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of block requests: each check, and that chains may be cut up in any way. */
#include "tests/unit/test.h"

#include <string.h>

#include "vmm/virtio/block-request.h"

#define N_SECTORS 1000ull

#define TYPE_READ	  0u
#define TYPE_WRITE	  1u
#define TYPE_FLUSH	  4u
#define TYPE_GET_ID	  8u
#define TYPE_DISCARD	  11u
#define TYPE_WRITE_ZEROES 13u

static const struct block_limits writable = {
	.n_sectors = N_SECTORS,
	.max_erase_sectors = 100,
	.can_discard = true,
	.can_write_zeroes = true,
};

static const struct block_limits read_only = { .n_sectors = N_SECTORS, .read_only = true };

/* What the driver sends and has room for; chains point into these. */
static uint8_t out[8192], in[8192];
static struct virtq_chain chain;
static struct block_request request;

static void put_header(uint32_t type, uint64_t sector)
{
	memset(out, 0, sizeof(out));
	memcpy(out, &type, 4);
	memcpy(out + 8, &sector, 8);
}

static void put_range(uint64_t sector, uint32_t n_sectors, uint32_t flags)
{
	memcpy(out + 16, &sector, 8);
	memcpy(out + 24, &n_sectors, 4);
	memcpy(out + 28, &flags, 4);
}

/* A chain of the first bytes of out and in, in pieces of at most piece bytes. */
static void make_chain(uint32_t out_bytes, uint32_t in_bytes, uint32_t piece)
{
	memset(&chain, 0, sizeof(chain));
	chain.head = 5;
	chain.out_bytes = out_bytes;
	chain.in_bytes = in_bytes;
	for (uint32_t at = 0; at < out_bytes; at += piece)
		chain.iov[chain.n_out++] = (struct iovec){ out + at, MIN(piece, out_bytes - at) };
	for (uint32_t at = 0; at < in_bytes; at += piece)
		chain.iov[chain.n_out + chain.n_in++] =
			(struct iovec){ in + at, MIN(piece, in_bytes - at) };
	assert_in_range(chain.n_out + chain.n_in, 1, VIRTQ_CHAIN_MAX);
}

static enum block_status parse(const struct block_limits *limits, uint32_t out_bytes,
			       uint32_t in_bytes)
{
	make_chain(out_bytes, in_bytes, 4096);
	assert_int_equal(block_request_parse(&chain, limits, &request), 0);
	assert_int_equal(request.head, 5);
	assert_ptr_equal(request.status_byte, in + in_bytes - 1);
	return request.status;
}

static size_t iov_bytes(void)
{
	size_t sum = 0;

	for (unsigned i = 0; i < request.n_iov; i++)
		sum += request.iov[i].iov_len;
	return sum;
}

static void a_read_gets_range_and_buffers(void **state)
{
	(void)state;
	put_header(TYPE_READ, 7);
	assert_int_equal(parse(&writable, 16, 1025), BLOCK_OK);
	assert_int_equal(request.op, BLOCK_OP_READ);
	assert_true(request.offset_bytes == 7 * 512);
	assert_true(request.len_bytes == 1024);
	assert_int_equal(iov_bytes(), 1024);
	assert_ptr_equal(request.iov[0].iov_base, in);
}

static void a_write_gets_what_is_behind_the_header(void **state)
{
	(void)state;
	put_header(TYPE_WRITE, 999);
	assert_int_equal(parse(&writable, 16 + 512, 1), BLOCK_OK);
	assert_int_equal(request.op, BLOCK_OP_WRITE);
	assert_int_equal(request.n_iov, 1);
	assert_ptr_equal(request.iov[0].iov_base, out + 16);
	assert_int_equal(request.iov[0].iov_len, 512);
}

static void chains_may_be_cut_anywhere(void **state)
{
	(void)state;
	for (uint32_t piece = 9; piece < 600; piece++) {
		put_header(TYPE_WRITE, 0);
		make_chain(16 + 512, 1, piece);
		assert_int_equal(block_request_parse(&chain, &writable, &request), 0);
		assert_int_equal(request.status, BLOCK_OK);
		assert_int_equal(iov_bytes(), 512);
		assert_ptr_equal(request.iov[0].iov_base, out + 16);
		put_header(TYPE_READ, 0);
		make_chain(16, 513, piece);
		assert_int_equal(block_request_parse(&chain, &writable, &request), 0);
		assert_int_equal(request.status, BLOCK_OK);
		assert_int_equal(iov_bytes(), 512);
		assert_ptr_equal(request.status_byte, in + 512);
	}
}

static void a_chain_without_room_for_a_status_is_malformed(void **state)
{
	(void)state;
	put_header(TYPE_WRITE, 0);
	make_chain(16 + 512, 0, 4096);
	assert_int_equal(block_request_parse(&chain, &writable, &request),
			 BLOCK_REQUEST_E_MALFORMED);
}

static void a_short_header_is_malformed(void **state)
{
	(void)state;
	put_header(TYPE_READ, 0);
	for (uint32_t len = 0; len < 16; len++) {
		make_chain(len, 513, 4096);
		assert_int_equal(block_request_parse(&chain, &writable, &request),
				 BLOCK_REQUEST_E_MALFORMED);
	}
}

static void transfers_are_whole_sectors_and_not_empty(void **state)
{
	(void)state;
	put_header(TYPE_READ, 0);
	assert_int_equal(parse(&writable, 16, 1), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 16, 512), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 16, 514), BLOCK_IO_ERROR);
	put_header(TYPE_WRITE, 0);
	assert_int_equal(parse(&writable, 16, 1), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 16 + 511, 1), BLOCK_IO_ERROR);
}

static void ranges_end_at_the_end_of_the_disk(void **state)
{
	const uint64_t bad[] = {
		N_SECTORS - 1,	N_SECTORS,	  N_SECTORS + 1,	UINT64_MAX,
		UINT64_MAX - 1, UINT64_MAX / 512, UINT64_MAX / 512 + 1, 1ull << 55
	};

	(void)state;
	put_header(TYPE_READ, N_SECTORS - 2);
	assert_int_equal(parse(&writable, 16, 1025), BLOCK_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		put_header(TYPE_READ, bad[i]);
		assert_int_equal(parse(&writable, 16, 1025), BLOCK_IO_ERROR);
		put_header(TYPE_WRITE, bad[i]);
		assert_int_equal(parse(&writable, 16 + 1024, 1), BLOCK_IO_ERROR);
		put_header(TYPE_DISCARD, 0);
		put_range(bad[i], 2, 0);
		assert_int_equal(parse(&writable, 32, 1), BLOCK_IO_ERROR);
	}
}

static void a_read_only_disk_takes_no_writes(void **state)
{
	(void)state;
	put_header(TYPE_WRITE, 0);
	assert_int_equal(parse(&read_only, 16 + 512, 1), BLOCK_IO_ERROR);
	put_header(TYPE_DISCARD, 0);
	put_range(0, 1, 0);
	assert_int_equal(parse(&read_only, 32, 1), BLOCK_UNSUPPORTED);
	put_header(TYPE_READ, 0);
	assert_int_equal(parse(&read_only, 16, 513), BLOCK_OK);
}

static void even_a_negotiated_discard_does_not_write_to_a_read_only_disk(void **state)
{
	struct block_limits limits = writable;

	(void)state;
	limits.read_only = true;
	put_header(TYPE_DISCARD, 0);
	put_range(0, 1, 0);
	assert_int_equal(parse(&limits, 32, 1), BLOCK_IO_ERROR);
	put_header(TYPE_WRITE_ZEROES, 0);
	put_range(0, 1, 0);
	assert_int_equal(parse(&limits, 32, 1), BLOCK_IO_ERROR);
}

static void a_flush_needs_nothing(void **state)
{
	(void)state;
	put_header(TYPE_FLUSH, UINT64_MAX);
	assert_int_equal(parse(&writable, 16, 1), BLOCK_OK);
	assert_int_equal(request.op, BLOCK_OP_FLUSH);
	assert_int_equal(request.n_iov, 0);
}

static void the_id_needs_twenty_bytes(void **state)
{
	(void)state;
	put_header(TYPE_GET_ID, 0);
	assert_int_equal(parse(&writable, 16, 20), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 16, 21), BLOCK_OK);
	assert_int_equal(iov_bytes(), 20);
	assert_int_equal(parse(&writable, 16, 4000), BLOCK_OK);
	assert_int_equal(iov_bytes(), 20);
}

static void discard_and_write_zeroes_take_one_range(void **state)
{
	(void)state;
	put_header(TYPE_DISCARD, 0);
	put_range(8, 100, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_OK);
	assert_int_equal(request.op, BLOCK_OP_DISCARD);
	assert_true(request.unmap);
	assert_true(request.offset_bytes == 8 * 512);
	assert_true(request.len_bytes == 100 * 512);
	put_header(TYPE_WRITE_ZEROES, 0);
	put_range(8, 100, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_OK);
	assert_false(request.unmap);
	put_range(8, 100, 1);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_OK);
	assert_true(request.unmap);
	/* None, half of one, two. */
	assert_int_equal(parse(&writable, 16, 1), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 24, 1), BLOCK_IO_ERROR);
	assert_int_equal(parse(&writable, 48, 1), BLOCK_IO_ERROR);
}

static void erasing_has_limits(void **state)
{
	(void)state;
	put_header(TYPE_DISCARD, 0);
	put_range(0, 0, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_IO_ERROR);
	put_range(0, 101, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_IO_ERROR);
	put_range(0, UINT32_MAX, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_IO_ERROR);
	put_range(0, 1, 1);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_UNSUPPORTED);
	put_header(TYPE_WRITE_ZEROES, 0);
	put_range(0, 1, 2);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_UNSUPPORTED);
}

static void what_was_not_negotiated_or_is_unknown_is_unsupported(void **state)
{
	struct block_limits limits = writable;

	(void)state;
	limits.can_discard = limits.can_write_zeroes = false;
	put_range(0, 1, 0);
	for (uint32_t type = 0; type < 300; type++) {
		if (type == TYPE_READ || type == TYPE_WRITE || type == TYPE_FLUSH ||
		    type == TYPE_GET_ID)
			continue;
		put_header(type, 0);
		assert_int_equal(parse(&limits, 32, 1), BLOCK_UNSUPPORTED);
	}
	put_header(UINT32_MAX, 0);
	assert_int_equal(parse(&writable, 32, 1), BLOCK_UNSUPPORTED);
}

static void the_used_length_counts_only_what_was_written_without_a_gap(void **state)
{
	(void)state;
	put_header(TYPE_READ, 0);
	assert_int_equal(parse(&writable, 16, 513), BLOCK_OK);
	assert_int_equal(block_request_used_bytes(&request, 512), 513);
	assert_int_equal(block_request_used_bytes(&request, 100), 100);
	assert_int_equal(block_request_used_bytes(&request, 0), 0);
	put_header(TYPE_WRITE, 0);
	assert_int_equal(parse(&writable, 16 + 512, 1), BLOCK_OK);
	assert_int_equal(block_request_used_bytes(&request, 0), 1);
	put_header(TYPE_GET_ID, 0);
	assert_int_equal(parse(&writable, 16, 4000), BLOCK_OK);
	assert_int_equal(block_request_used_bytes(&request, 20), 20);
}

static void zeroing_stays_within_the_data(void **state)
{
	(void)state;
	memset(in, 0xaa, sizeof(in));
	put_header(TYPE_READ, 0);
	make_chain(16, 513, 100);
	assert_int_equal(block_request_parse(&chain, &writable, &request), 0);
	block_request_zero(&request);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(in[i], 0);
	assert_int_equal(in[512], 0xaa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_gets_range_and_buffers),
		cmocka_unit_test(a_write_gets_what_is_behind_the_header),
		cmocka_unit_test(chains_may_be_cut_anywhere),
		cmocka_unit_test(a_chain_without_room_for_a_status_is_malformed),
		cmocka_unit_test(a_short_header_is_malformed),
		cmocka_unit_test(transfers_are_whole_sectors_and_not_empty),
		cmocka_unit_test(ranges_end_at_the_end_of_the_disk),
		cmocka_unit_test(a_read_only_disk_takes_no_writes),
		cmocka_unit_test(even_a_negotiated_discard_does_not_write_to_a_read_only_disk),
		cmocka_unit_test(a_flush_needs_nothing),
		cmocka_unit_test(the_id_needs_twenty_bytes),
		cmocka_unit_test(discard_and_write_zeroes_take_one_range),
		cmocka_unit_test(erasing_has_limits),
		cmocka_unit_test(what_was_not_negotiated_or_is_unknown_is_unsupported),
		cmocka_unit_test(the_used_length_counts_only_what_was_written_without_a_gap),
		cmocka_unit_test(zeroing_stays_within_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
