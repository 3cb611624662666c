/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, filters and control commands of virtio-net, honest and otherwise. */
#include "tests/unit/test.h"

#include <string.h>

#include "vmm/virtio/net-control.h"
#include "vmm/virtio/net-frame.h"

#define ALL (~0ull)

static struct virtq_chain chain;
static struct net_frame frame;
static struct net_control control;
static struct net_filter filter;
static uint8_t bytes[NET_HEADER_BYTES + NET_FRAME_MAX + 1];
static uint8_t answer;

static const uint8_t own[] = { 0x02, 0, 0, 0, 0, 5 };
static const uint8_t foreign[] = { 0x02, 0, 0, 0, 0, 6 };
static const uint8_t group[] = { 0x33, 0x33, 0, 0, 0, 1 };
static const uint8_t everyone[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* A chain of bytes, the first part of first_bytes (0: in one part). */
static void make_chain(uint32_t len, uint32_t first_bytes)
{
	chain = (struct virtq_chain){ .out_bytes = len };
	if (first_bytes > 0)
		chain.iov[chain.n_out++] = (struct iovec){ bytes, first_bytes };
	chain.iov[chain.n_out++] = (struct iovec){ bytes + first_bytes, len - first_bytes };
}

static bool parse(struct net_header header, uint32_t frame_bytes, uint64_t features)
{
	memset(bytes, 0xaa, sizeof(bytes));
	memcpy(bytes, &header, sizeof(header));
	make_chain(NET_HEADER_BYTES + frame_bytes, 0);
	return net_frame_parse(&chain, features, &frame);
}

static uint32_t frame_iov_bytes(void)
{
	uint32_t sum = 0;

	for (unsigned i = 1; i < frame.n_iov; i++)
		sum += (uint32_t)frame.iov[i].iov_len;
	return sum;
}

static void a_frame_may_be_cut_anywhere(void **state)
{
	(void)state;
	memset(bytes, 0, sizeof(bytes));
	for (uint32_t first = 0; first < NET_HEADER_BYTES + 60; first++) {
		make_chain(NET_HEADER_BYTES + 60, first);
		assert_true(net_frame_parse(&chain, 0, &frame));
		assert_int_equal(frame.bytes, 60);
		assert_int_equal(frame_iov_bytes(), 60);
		assert_ptr_equal(frame.iov[0].iov_base, &frame.header);
		assert_int_equal(frame.iov[0].iov_len, NET_HEADER_BYTES);
		assert_ptr_equal(frame.iov[1].iov_base, bytes + NET_HEADER_BYTES);
	}
}

static void a_frame_has_a_least_and_a_greatest_length(void **state)
{
	struct net_header plain = { 0 };

	(void)state;
	assert_false(parse(plain, NET_FRAME_MIN - 1, ALL));
	assert_true(parse(plain, NET_FRAME_MIN, ALL));
	assert_true(parse(plain, NET_FRAME_MAX, ALL));
	assert_false(parse(plain, NET_FRAME_MAX + 1, ALL));
	make_chain(NET_HEADER_BYTES - 1, 0);
	assert_false(net_frame_parse(&chain, ALL, &frame));
	/* All of it to be written, nothing to be read. */
	chain = (struct virtq_chain){ .n_in = 1, .in_bytes = 100, .iov = { { bytes, 100 } } };
	assert_false(net_frame_parse(&chain, ALL, &frame));
}

static void a_checksum_lies_within_the_frame(void **state)
{
	struct net_header header = { .flags = NET_HEADER_NEEDS_CHECKSUM,
				     .checksum_start = 34,
				     .checksum_offset = 16 };

	(void)state;
	assert_true(parse(header, 52, NET_F_CSUM));
	assert_false(parse(header, 51, NET_F_CSUM));
	assert_false(parse(header, 52, 0));
	header.checksum_start = header.checksum_offset = 0xffff;
	assert_false(parse(header, NET_FRAME_MAX, NET_F_CSUM));
}

static void what_is_not_asked_for_is_not_passed_on(void **state)
{
	struct net_header header = { .flags = NET_HEADER_DATA_VALID | 0xf8,
				     .header_bytes = 9,
				     .gso_bytes = 9,
				     .checksum_start = 0xffff,
				     .n_buffers = 77 };

	(void)state;
	assert_true(parse(header, 60, NET_F_CSUM));
	memset(&header, 0, sizeof(header));
	assert_memory_equal(&frame.header, &header, sizeof(header));
}

static void segmentation_is_as_negotiated(void **state)
{
	struct net_header header = { .flags = NET_HEADER_NEEDS_CHECKSUM,
				     .gso_type = NET_GSO_TCP4,
				     .header_bytes = 54,
				     .gso_bytes = 1448,
				     .checksum_start = 34,
				     .checksum_offset = 16 };

	(void)state;
	assert_true(parse(header, 60000, NET_F_CSUM | NET_F_HOST_TSO4));
	assert_int_equal(frame.header.gso_bytes, 1448);
	assert_false(parse(header, 60000, NET_F_CSUM | NET_F_HOST_TSO6));
	assert_false(parse(header, 53, NET_F_CSUM | NET_F_HOST_TSO4));
	header.gso_type |= NET_GSO_ECN;
	assert_false(parse(header, 60000, NET_F_CSUM | NET_F_HOST_TSO4));
	assert_true(parse(header, 60000, NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_ECN));
	header.gso_type = NET_GSO_UDP;
	assert_true(parse(header, 60000, NET_F_CSUM | NET_F_HOST_USO));
	header.gso_bytes = 0;
	assert_false(parse(header, 60000, ALL));
	header.gso_bytes = 1448;
	header.flags = 0;
	assert_false(parse(header, 60000, ALL));
	header.flags = NET_HEADER_NEEDS_CHECKSUM;
	for (unsigned type = 1; type < 256; type++) {
		uint8_t kind = (uint8_t)(type & ~NET_GSO_ECN);

		header.gso_type = (uint8_t)type;
		assert_int_equal(parse(header, 60000, ALL), kind == NET_GSO_TCP4 ||
								    kind == NET_GSO_TCP6 ||
								    kind == NET_GSO_UDP);
	}
}

static void a_driver_gets_what_it_negotiated(void **state)
{
	struct net_header header = { .flags = NET_HEADER_NEEDS_CHECKSUM };

	(void)state;
	assert_false(net_header_is_acceptable(&header, 0));
	assert_true(net_header_is_acceptable(&header, NET_F_GUEST_CSUM));
	header.gso_type = NET_GSO_TCP6;
	assert_false(net_header_is_acceptable(&header, NET_F_GUEST_CSUM | NET_F_GUEST_TSO4));
	assert_true(net_header_is_acceptable(&header, NET_F_GUEST_CSUM | NET_F_GUEST_TSO6));
}

static void a_new_filter_lets_everything_through(void **state)
{
	(void)state;
	net_filter_init(&filter, own);
	assert_true(net_filter_passes(&filter, foreign));
	filter.promiscuous = false;
	assert_true(net_filter_passes(&filter, own));
	assert_false(net_filter_passes(&filter, foreign));
	assert_false(net_filter_passes(&filter, group));
	assert_true(net_filter_passes(&filter, everyone));
	filter.no_broadcast = filter.no_unicast = true;
	assert_false(net_filter_passes(&filter, everyone));
	assert_false(net_filter_passes(&filter, own));
}

/* Has the command parsed, with the features that were negotiated. */
static enum net_control_op command(const void *data, uint32_t len, uint64_t features)
{
	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, data, len);
	make_chain(len, len > 2 ? 2 : 0);
	chain.iov[chain.n_out + chain.n_in++] = (struct iovec){ &answer, 1 };
	chain.in_bytes = 1;
	assert_true(net_control_parse(&chain, features, 4, &filter, &control));
	return control.op;
}

static void receive_modes_are_switched(void **state)
{
	(void)state;
	net_filter_init(&filter, own);
	assert_int_equal(command((uint8_t[]){ 0, 0, 0 }, 3, ALL), NET_CONTROL_FILTER);
	assert_false(control.filter.promiscuous);
	assert_int_equal(command((uint8_t[]){ 0, 1, 1 }, 3, ALL), NET_CONTROL_FILTER);
	assert_true(control.filter.all_multicast);
	assert_int_equal(command((uint8_t[]){ 0, 5, 1 }, 3, ALL), NET_CONTROL_FILTER);
	assert_true(control.filter.no_broadcast);
	assert_int_equal(command((uint8_t[]){ 0, 5, 1 }, 3, ALL & ~NET_F_CTRL_RX_EXTRA),
			 NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 0, 6, 1 }, 3, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 0, 0 }, 2, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 0, 0, 0, 0 }, 4, ALL), NET_CONTROL_REFUSED);
}

static uint32_t put_table(uint8_t *at, uint32_t n, uint32_t claimed, uint8_t first)
{
	memcpy(at, &claimed, sizeof(claimed));
	for (uint32_t i = 0; i < n; i++)
		memcpy(at + 4 + 6 * i, (uint8_t[]){ first, 0, 0, 0, 0, (uint8_t)i }, 6);
	return 4 + 6 * n;
}

static void tables_of_addresses_are_taken(void **state)
{
	uint8_t data[2048] = { 1, 0 };
	uint32_t len = 2;

	(void)state;
	net_filter_init(&filter, own);
	filter.promiscuous = false;
	len += put_table(data + len, 7, 7, 2);
	len += put_table(data + len, 1, 1, 0x33);
	assert_int_equal(command(data, len, ALL), NET_CONTROL_FILTER);
	assert_true(net_filter_passes(&control.filter, foreign));
	assert_false(net_filter_passes(&control.filter, group));
	assert_int_equal(command(data, len - 1, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command(data, len + 1, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command(data, 6, ALL), NET_CONTROL_REFUSED);
	/* More than fit are none of our business to choose from. */
	len = 2;
	len += put_table(data + len, NET_FILTER_ADDRESSES_MAX + 1, NET_FILTER_ADDRESSES_MAX + 1, 2);
	len += put_table(data + len, 0, 0, 0);
	assert_int_equal(command(data, len, ALL), NET_CONTROL_FILTER);
	assert_true(net_filter_passes(&control.filter, (uint8_t[]){ 2, 9, 9, 9, 9, 9 }));
	assert_false(net_filter_passes(&control.filter, group));
	put_table(data + 2, 0, 0xffffffff, 0);
	assert_int_equal(command(data, len, ALL), NET_CONTROL_REFUSED);
}

static void other_commands_are_checked(void **state)
{
	uint64_t offloads = NET_F_GUEST_CSUM;
	uint8_t data[10] = { 5, 0 };

	(void)state;
	net_filter_init(&filter, own);
	assert_int_equal(command((uint8_t[]){ 1, 1, 2, 0, 0, 0, 0, 6 }, 8, ALL), NET_CONTROL_MAC);
	assert_memory_equal(control.filter.mac, foreign, 6);
	assert_int_equal(command((uint8_t[]){ 4, 0, 4, 0 }, 4, ALL), NET_CONTROL_PAIRS);
	assert_int_equal(control.n_pairs, 4);
	assert_int_equal(command((uint8_t[]){ 4, 0, 5, 0 }, 4, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 4, 0, 0, 0 }, 4, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 4, 0, 1, 0 }, 4, 0), NET_CONTROL_REFUSED);
	memcpy(data + 2, &offloads, 8);
	assert_int_equal(command(data, 10, NET_F_CTRL_OFFLOADS | NET_F_GUEST_CSUM),
			 NET_CONTROL_OFFLOADS);
	assert_int_equal(command(data, 10, NET_F_CTRL_OFFLOADS), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 2, 0, 1, 0 }, 4, ALL), NET_CONTROL_REFUSED);
	assert_int_equal(command((uint8_t[]){ 0xff, 0xff }, 2, ALL), NET_CONTROL_REFUSED);
}

static void a_command_needs_room_for_its_answer(void **state)
{
	(void)state;
	make_chain(3, 0);
	assert_false(net_control_parse(&chain, ALL, 1, &filter, &control));
	make_chain(1, 0);
	chain.iov[chain.n_out + chain.n_in++] = (struct iovec){ &answer, 1 };
	chain.in_bytes = 1;
	assert_false(net_control_parse(&chain, ALL, 1, &filter, &control));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_may_be_cut_anywhere),
		cmocka_unit_test(a_frame_has_a_least_and_a_greatest_length),
		cmocka_unit_test(a_checksum_lies_within_the_frame),
		cmocka_unit_test(what_is_not_asked_for_is_not_passed_on),
		cmocka_unit_test(segmentation_is_as_negotiated),
		cmocka_unit_test(a_driver_gets_what_it_negotiated),
		cmocka_unit_test(a_new_filter_lets_everything_through),
		cmocka_unit_test(receive_modes_are_switched),
		cmocka_unit_test(tables_of_addresses_are_taken),
		cmocka_unit_test(other_commands_are_checked),
		cmocka_unit_test(a_command_needs_room_for_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
