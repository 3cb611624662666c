/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the vsock packet parser and builder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/virtio/vsock-packet.h"

#define GUEST_CID 3u

/* A chain whose readable part is the first len bytes of data, cut into pieces of piece bytes. */
static void make_chain(struct virtq_chain *chain, uint8_t *data, size_t len, size_t piece)
{
	memset(chain, 0, sizeof(*chain));
	for (size_t at = 0; at < len; at += piece)
		chain->iov[chain->n_out++] =
			(struct iovec){ data + at, at + piece < len ? piece : len - at };
	chain->out_bytes = (uint32_t)len;
}

static const struct vsock_header sample = {
	.src_cid = GUEST_CID,
	.dst_cid = VSOCK_CID_HOST,
	.src_port = 0x01020304,
	.dst_port = 0x05060708,
	.len_bytes = 10,
	.type = VSOCK_TYPE_STREAM,
	.op = VSOCK_OP_RW,
	.flags = 0x090a0b0c,
	.buf_alloc = 0xfffffffe,
	.fwd_cnt = 0x0d0e0f10,
};

static int parse(const struct vsock_header *header, size_t len, size_t piece,
		 struct vsock_packet *ret_packet)
{
	static uint8_t data[256];
	struct virtq_chain chain;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	vsock_header_encode(header, data);
	make_chain(&chain, data, len, piece);
	return vsock_packet_parse(&chain, GUEST_CID, ret_packet);
}

static void a_header_is_laid_out_as_the_specification_says(void **state)
{
	static const uint8_t expected[VSOCK_HEADER_BYTES] = {
		3,    0,    0,	  0,	0,    0,    0,	  0,	/* src_cid */
		2,    0,    0,	  0,	0,    0,    0,	  0,	/* dst_cid */
		0x04, 0x03, 0x02, 0x01, 0x08, 0x07, 0x06, 0x05, /* ports */
		10,   0,    0,	  0,	1,    0,    5,	  0,	/* len, type, op */
		0x0c, 0x0b, 0x0a, 0x09, 0xfe, 0xff, 0xff, 0xff, /* flags, buf_alloc */
		0x10, 0x0f, 0x0e, 0x0d,				/* fwd_cnt */
	};
	uint8_t bytes[VSOCK_HEADER_BYTES];
	struct vsock_header header;

	(void)state;
	vsock_header_encode(&sample, bytes);
	assert_memory_equal(bytes, expected, sizeof(expected));
	vsock_header_decode(bytes, &header);
	assert_int_equal(header.src_cid, sample.src_cid);
	assert_int_equal(header.dst_cid, sample.dst_cid);
	assert_int_equal(header.src_port, sample.src_port);
	assert_int_equal(header.dst_port, sample.dst_port);
	assert_int_equal(header.len_bytes, sample.len_bytes);
	assert_int_equal(header.op, sample.op);
	assert_int_equal(header.flags, sample.flags);
	assert_int_equal(header.buf_alloc, sample.buf_alloc);
	assert_int_equal(header.fwd_cnt, sample.fwd_cnt);
}

static void the_payload_is_what_follows_the_header_wherever_the_buffers_end(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= 64; piece++) {
		struct vsock_packet packet;
		uint8_t next = VSOCK_HEADER_BYTES;

		assert_int_equal(parse(&sample, VSOCK_HEADER_BYTES + 10, piece, &packet), 0);
		for (size_t i = 0; i < packet.n_iov; i++)
			for (size_t k = 0; k < packet.iov[i].iov_len; k++)
				assert_int_equal(((uint8_t *)packet.iov[i].iov_base)[k], next++);
		assert_int_equal(next, VSOCK_HEADER_BYTES + 10);
	}
}

static void bytes_behind_the_length_are_not_payload(void **state)
{
	struct vsock_packet packet;

	(void)state;
	assert_int_equal(parse(&sample, VSOCK_HEADER_BYTES + 100, 256, &packet), 0);
	assert_int_equal(packet.n_iov, 1);
	assert_int_equal(packet.iov[0].iov_len, 10);
}

static void a_length_beyond_the_buffer_is_malformed(void **state)
{
	struct vsock_header header = sample;
	struct vsock_packet packet;

	(void)state;
	header.len_bytes = 11;
	assert_int_equal(parse(&header, VSOCK_HEADER_BYTES + 10, 16, &packet), VSOCK_E_MALFORMED);
	header.len_bytes = UINT32_MAX;
	assert_int_equal(parse(&header, VSOCK_HEADER_BYTES + 10, 16, &packet), VSOCK_E_MALFORMED);
	header.len_bytes = UINT32_MAX - VSOCK_HEADER_BYTES + 1;
	assert_int_equal(parse(&header, VSOCK_HEADER_BYTES + 10, 16, &packet), VSOCK_E_MALFORMED);
}

static void a_short_header_is_malformed(void **state)
{
	struct vsock_packet packet;

	(void)state;
	for (size_t len = 0; len < VSOCK_HEADER_BYTES; len++)
		assert_int_equal(parse(&sample, len, 7, &packet), VSOCK_E_MALFORMED);
}

static void a_packet_in_anothers_name_is_forged(void **state)
{
	static const uint64_t forged[] = { 0, 1, 2, 4, GUEST_CID | 1ull << 32, UINT64_MAX };
	struct vsock_header header = sample;
	struct vsock_packet packet;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		header.src_cid = forged[i];
		assert_int_equal(parse(&header, 100, 100, &packet), VSOCK_E_FORGED);
	}
}

static void a_packet_to_another_cid_or_of_another_type_is_refused_with_rst(void **state)
{
	struct vsock_header header = sample, answer;
	struct vsock_packet packet;

	(void)state;
	header.dst_cid = VSOCK_CID_HOST | 1ull << 32;
	assert_int_equal(parse(&header, 100, 100, &packet), VSOCK_E_REFUSED);
	header = sample;
	header.type = 2;
	assert_int_equal(parse(&header, 100, 100, &packet), VSOCK_E_REFUSED);
	vsock_header_refuse(&packet.header, &answer);
	assert_int_equal(answer.op, VSOCK_OP_RST);
	assert_int_equal(answer.type, 2);
	assert_int_equal(answer.src_cid, VSOCK_CID_HOST);
	assert_int_equal(answer.dst_cid, GUEST_CID);
	assert_int_equal(answer.src_port, sample.dst_port);
	assert_int_equal(answer.dst_port, sample.src_port);
	assert_int_equal(answer.len_bytes, 0);
}

static void an_unknown_op_is_malformed(void **state)
{
	struct vsock_header header = sample;
	struct vsock_packet packet;

	(void)state;
	for (uint32_t op = 0; op <= UINT16_MAX; op++) {
		header.op = (uint16_t)op;
		assert_int_equal(parse(&header, 100, 100, &packet),
				 op >= 1 && op <= 7 ? 0 : VSOCK_E_MALFORMED);
	}
}

static void only_rw_has_a_payload(void **state)
{
	struct vsock_header header = sample;
	struct vsock_packet packet;

	(void)state;
	header.op = VSOCK_OP_CREDIT_UPDATE;
	assert_int_equal(parse(&header, 100, 10, &packet), 0);
	assert_int_equal(packet.n_iov, 0);
}

static void a_slice_beyond_the_end_is_empty(void **state)
{
	uint8_t bytes[10];
	struct iovec iov[2] = { { bytes, 4 }, { bytes + 4, 6 } }, slice[2];

	(void)state;
	assert_int_equal(vsock_slice(iov, 2, 10, 5, slice), 0);
	assert_int_equal(vsock_slice(iov, 2, 3, 0, slice), 0);
	assert_int_equal(vsock_slice(iov, 2, 3, 100, slice), 2);
	assert_int_equal(slice[0].iov_len, 1);
	assert_int_equal(slice[1].iov_len, 6);
	assert_int_equal(vsock_slice(iov, 2, 5, 2, slice), 1);
	assert_ptr_equal(slice[0].iov_base, bytes + 5);
	assert_int_equal(slice[0].iov_len, 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_laid_out_as_the_specification_says),
		cmocka_unit_test(the_payload_is_what_follows_the_header_wherever_the_buffers_end),
		cmocka_unit_test(bytes_behind_the_length_are_not_payload),
		cmocka_unit_test(a_length_beyond_the_buffer_is_malformed),
		cmocka_unit_test(a_short_header_is_malformed),
		cmocka_unit_test(a_packet_in_anothers_name_is_forged),
		cmocka_unit_test(a_packet_to_another_cid_or_of_another_type_is_refused_with_rst),
		cmocka_unit_test(an_unknown_op_is_malformed),
		cmocka_unit_test(only_rw_has_a_payload),
		cmocka_unit_test(a_slice_beyond_the_end_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
