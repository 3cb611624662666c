/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-net on a socket whose other end the test has, with drivers that behave and not. */
#include "tests/unit/test.h"

#include <endian.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/net.h"

#define WAIT_MS 10000
#define FEATURES \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | NET_F_MRG_RXBUF | NET_F_CTRL_VQ | NET_F_CTRL_RX)

#define RX	0
#define TX	1
#define CONTROL 2

struct fixture {
	struct fake_driver driver;
	int fd;	  /* the other end */
	int type; /* SOCK_STREAM, or SOCK_SEQPACKET: a frame is a packet */
};

static struct fixture fixture;

static const uint8_t mac[NET_MAC_BYTES] = { 0x02, 0, 0, 0, 0, 5 };

static int set_up_with(void **state, int type, uint64_t features)
{
	struct net_config config = { .n_fds = 1, .socket = true, .has_mac = true, .mtu = 1500 };
	struct virtio_device *dev;
	struct err err = ERR_INIT;
	int pair[2];

	memset(&fixture, 0, sizeof(fixture));
	*state = &fixture;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	fixture.type = type;
	config.fds[0] = pair[0];
	fixture.fd = pair[1];
	memcpy(config.mac, mac, sizeof(mac));
	if (net_new(&config, &dev, &err) < 0) {
		print_error("%s\n", err_text(&err));
		return -1;
	}
	fake_driver_init(&fixture.driver);
	fake_driver_attach(&fixture.driver, dev, features);
	fake_driver_step(&fixture.driver, 1000);
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, SOCK_STREAM, FEATURES);
}

static int set_up_plain(void **state)
{
	return set_up_with(state, SOCK_STREAM, VIRTIO_F_VERSION_1);
}

static int set_up_packets(void **state)
{
	return set_up_with(state, SOCK_SEQPACKET, FEATURES);
}

static int set_up_plain_packets(void **state)
{
	return set_up_with(state, SOCK_SEQPACKET, VIRTIO_F_VERSION_1);
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_fini(&fixture.driver);
	if (fixture.fd >= 0)
		close(fixture.fd);
	return 0;
}

/* A frame of len bytes for the device's own address, all of the rest being its length's low byte.
 */
static void make_frame(uint8_t *frame, uint32_t len)
{
	memset(frame, (int)(len & 0xff), len);
	memcpy(frame, mac, sizeof(mac));
}

static void send_frame(struct fixture *f, const uint8_t *frame, uint32_t len)
{
	uint32_t length = htobe32(len);

	if (f->type == SOCK_STREAM)
		assert_int_equal(fd_write_full(f->fd, &length, sizeof(length)), 0);
	assert_int_equal(fd_write_full(f->fd, frame, len), 0);
}

/* The device has all that it was sent. */
static void wait_until_read(struct fixture *f)
{
	int left = 1;

	for (int i = 0; i < WAIT_MS && left > 0; i++) {
		assert_int_equal(ioctl(f->fd, SIOCOUTQ, &left), 0);
		fake_driver_step(&f->driver, 1);
	}
	assert_int_equal(left, 0);
}

static void expect_frame(struct fixture *f, const uint8_t *frame, uint32_t len)
{
	static uint8_t got[NET_FRAME_MAX];
	uint32_t length;

	if (f->type == SOCK_STREAM) {
		assert_int_equal(fd_read_full(f->fd, &length, sizeof(length)), sizeof(length));
		assert_int_equal(be32toh(length), len);
		assert_int_equal(fd_read_full(f->fd, got, len), len);
	} else {
		assert_int_equal(recv(f->fd, got, sizeof(got), 0), len);
	}
	assert_memory_equal(got, frame, len);
}

/* Adds n receive buffers of len bytes; the address of the first. */
static gpa_t add_buffers(struct fixture *f, unsigned n, uint32_t len)
{
	gpa_t first = 0;

	for (unsigned i = 0; i < n; i++) {
		struct fake_buffer buffer = { fake_driver_alloc(&f->driver, len), len, true };

		first = i == 0 ? buffer.gpa : first;
		(void)fake_driver_add(&f->driver, RX, &buffer, 1);
	}
	fake_driver_kick(&f->driver, RX);
	return first;
}

static void transmit(struct fixture *f, struct net_header header, const uint8_t *frame,
		     uint32_t len)
{
	struct fake_buffer buffers[2] = { { 0, sizeof(header), false }, { 0, len, false } };

	buffers[0].gpa = fake_driver_alloc(&f->driver, sizeof(header));
	buffers[1].gpa = fake_driver_alloc(&f->driver, len);
	memcpy(fake_driver_at(&f->driver, buffers[0].gpa, sizeof(header)), &header, sizeof(header));
	memcpy(fake_driver_at(&f->driver, buffers[1].gpa, len), frame, len);
	(void)fake_driver_add(&f->driver, TX, buffers, 2);
	fake_driver_kick(&f->driver, TX);
}

static uint32_t wait_used(struct fixture *f, uint16_t queue)
{
	uint32_t len = 0;

	assert_true(fake_driver_wait_used(&f->driver, queue, WAIT_MS, NULL, &len));
	return len;
}

static struct net_counters counters(struct fixture *f)
{
	struct net_status status;

	assert_true(net_get_status(f->driver.dev, &status));
	return status.counters;
}

static void a_frame_goes_out(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[1514];

	make_frame(frame, sizeof(frame));
	transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
	expect_frame(f, frame, sizeof(frame));
	assert_int_equal(wait_used(f, TX), 0);
	assert_int_equal(counters(f).tx_packets, 1);
	assert_int_equal(counters(f).tx_bytes, sizeof(frame));
}

static void a_frame_comes_in(void **state)
{
	struct fixture *f = *state;
	gpa_t at = add_buffers(f, 64, 1536);
	struct net_header header;
	uint8_t frame[1000];

	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + sizeof(frame));
	memcpy(&header, fake_driver_at(&f->driver, at, sizeof(header)), sizeof(header));
	assert_int_equal(header.n_buffers, 1);
	assert_int_equal(header.gso_type, 0);
	assert_memory_equal(fake_driver_at(&f->driver, at + NET_HEADER_BYTES, sizeof(frame)), frame,
			    sizeof(frame));
	assert_int_equal(counters(f).rx_packets, 1);
	assert_int_equal(counters(f).rx_bytes, sizeof(frame));
}

static void a_large_frame_is_spread_over_buffers(void **state)
{
	static uint8_t frame[NET_FRAME_MAX];
	struct fixture *f = *state;
	gpa_t at = add_buffers(f, 64, 1536);
	struct net_header header;
	uint32_t sum = 0;

	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	for (unsigned i = 0; i < 43; i++)
		sum += wait_used(f, RX);
	assert_int_equal(sum, NET_HEADER_BYTES + sizeof(frame));
	memcpy(&header, fake_driver_at(&f->driver, at, sizeof(header)), sizeof(header));
	assert_int_equal(header.n_buffers, 43);
	assert_memory_equal(fake_driver_at(&f->driver, at + NET_HEADER_BYTES, sizeof(frame)), frame,
			    sizeof(frame));
	/* The others are there for the next one. */
	send_frame(f, frame, 60);
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + 60);
}

static void a_frame_too_large_for_the_buffers_waits_for_more(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[1514];
	uint32_t sum = 0;

	(void)add_buffers(f, 4, 256);
	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	wait_until_read(f);
	send_frame(f, frame, 100);
	assert_false(fake_driver_wait_used(&f->driver, RX, 20, NULL, NULL));
	(void)add_buffers(f, 4, 256);
	for (unsigned i = 0; i < 6; i++)
		sum += wait_used(f, RX);
	assert_int_equal(sum, NET_HEADER_BYTES + sizeof(frame));
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + 100);
	assert_int_equal(counters(f).rx_dropped, 0);
}

static void a_frame_too_large_for_the_buffer_is_lost(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[1514];

	(void)add_buffers(f, 4, 256);
	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	make_frame(frame, 100);
	send_frame(f, frame, 100);
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + 100);
	assert_int_equal(counters(f).rx_dropped, 1);
}

static void frames_wait_for_buffers(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[100];

	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < 10; i++)
		send_frame(f, frame, sizeof(frame));
	fake_driver_step(&f->driver, 50);
	(void)add_buffers(f, 10, 1536);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + sizeof(frame));
}

static void a_frame_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[300];
	uint32_t length = htobe32(sizeof(frame));

	(void)add_buffers(f, 4, 1536);
	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < sizeof(length); i++) {
		assert_int_equal(fd_write_full(f->fd, (uint8_t *)&length + i, 1), 0);
		fake_driver_step(&f->driver, 2);
	}
	for (unsigned i = 0; i < sizeof(frame); i += 100) {
		assert_int_equal(fd_write_full(f->fd, frame + i, 100), 0);
		fake_driver_step(&f->driver, 2);
	}
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + sizeof(frame));
}

static void a_driver_without_mergeable_buffers_gets_frames(void **state)
{
	struct fixture *f = *state;
	gpa_t at = add_buffers(f, 4, 1536);
	uint8_t frame[1514];

	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + sizeof(frame));
	assert_memory_equal(fake_driver_at(&f->driver, at + NET_HEADER_BYTES, sizeof(frame)), frame,
			    sizeof(frame));
}

static void a_full_socket_loses_nothing(void **state)
{
	static uint8_t frame[60000];
	struct fixture *f = *state;
	int small = 4096;

	assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < 20; i++)
		transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
	fake_driver_step(&f->driver, 50);
	for (unsigned i = 0; i < 20; i++)
		expect_frame(f, frame, sizeof(frame));
	for (unsigned i = 0; i < 20; i++)
		(void)wait_used(f, TX);
	assert_int_equal(counters(f).tx_packets, 20);
}

static void hostile_headers_are_dropped(void **state)
{
	static const struct net_header headers[] = {
		{ .gso_type = 0xff },
		{ .gso_type = NET_GSO_TCP4, .gso_bytes = 0, .header_bytes = 0xffff },
		{ .flags = 1, .checksum_start = 0xffff, .checksum_offset = 0xffff },
		{ .flags = 1, .gso_type = NET_GSO_UDP, .gso_bytes = 1 },
	};
	struct fixture *f = *state;
	uint8_t frame[60];

	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		transmit(f, headers[i], frame, sizeof(frame));
		(void)wait_used(f, TX);
	}
	transmit(f, (struct net_header){ 0 }, frame, 1);
	(void)wait_used(f, TX);
	assert_int_equal(counters(f).tx_dropped, ARRAY_SIZE(headers) + 1);
	transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
	expect_frame(f, frame, sizeof(frame));
	assert_true(f->driver.dev->active);
}

static void step_until_reset_wanted(struct fixture *f)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (f->driver.resets_wanted == 0 && clock_monotonic_ms() < end_ms)
		fake_driver_step(&f->driver, 100);
	assert_true(f->driver.resets_wanted > 0);
	assert_false(f->driver.dev->active);
}

static void a_broken_ring_stops_the_device_until_it_is_reset(void **state)
{
	for (uint16_t queue = RX; queue <= TX; queue++) {
		struct fixture *f = *state;
		uint8_t frame[60];

		f->driver.resets_wanted = 0;
		make_frame(frame, sizeof(frame));
		send_frame(f, frame, sizeof(frame));
		fake_ring_set_avail_idx(&f->driver.rings[queue], 0x8000);
		fake_driver_kick(&f->driver, queue);
		step_until_reset_wanted(f);
		fake_driver_reset(&f->driver);
		fake_driver_restart(&f->driver, FEATURES);
		fake_driver_step(&f->driver, 1000);
		transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
		expect_frame(f, frame, sizeof(frame));
	}
}

static void a_receive_buffer_to_be_read_breaks_the_ring(void **state)
{
	struct fixture *f = *state;
	struct fake_buffer buffer = { fake_driver_alloc(&f->driver, 100), 100, false };
	uint8_t frame[60];

	make_frame(frame, sizeof(frame));
	send_frame(f, frame, sizeof(frame));
	(void)fake_driver_add(&f->driver, RX, &buffer, 1);
	fake_driver_kick(&f->driver, RX);
	step_until_reset_wanted(f);
}

/* Also while a frame is half read and another half written. */
static void a_reset_keeps_the_stream_in_step(void **state)
{
	static uint8_t frame[60000];
	struct fixture *f = *state;
	uint32_t length = htobe32(1000);

	(void)add_buffers(f, 8, 1536);
	make_frame(frame, sizeof(frame));
	for (unsigned i = 0; i < 20; i++)
		transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
	assert_int_equal(fd_write_full(f->fd, &length, sizeof(length)), 0);
	assert_int_equal(fd_write_full(f->fd, frame, 400), 0);
	wait_until_read(f);
	fake_driver_reset(&f->driver);
	fake_driver_restart(&f->driver, FEATURES);
	fake_driver_step(&f->driver, 1000);
	(void)add_buffers(f, 8, 1536);
	assert_int_equal(fd_write_full(f->fd, frame, 600), 0);
	make_frame(frame, 70);
	send_frame(f, frame, 70);
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + 70);
	make_frame(frame, sizeof(frame));
	for (struct pollfd ready = { .fd = f->fd, .events = POLLIN }; poll(&ready, 1, 100) > 0;)
		expect_frame(f, frame, sizeof(frame));
}

static uint8_t control(struct fixture *f, const uint8_t *command, uint32_t len)
{
	struct fake_buffer buffers[2] = { { 0, len, false }, { 0, 1, true } };
	uint8_t *answer;

	buffers[0].gpa = fake_driver_alloc(&f->driver, len);
	buffers[1].gpa = fake_driver_alloc(&f->driver, 1);
	memcpy(fake_driver_at(&f->driver, buffers[0].gpa, len), command, len);
	answer = fake_driver_at(&f->driver, buffers[1].gpa, 1);
	*answer = 0xee;
	(void)fake_driver_add(&f->driver, CONTROL, buffers, 2);
	fake_driver_kick(&f->driver, CONTROL);
	assert_int_equal(wait_used(f, CONTROL), 1);
	return *answer;
}

static void the_driver_chooses_what_it_receives(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[100];

	(void)add_buffers(f, 8, 1536);
	assert_int_equal(control(f, (uint8_t[]){ 0, 0, 0 }, 3), 0);
	make_frame(frame, sizeof(frame));
	frame[5] = 6;
	send_frame(f, frame, sizeof(frame));
	make_frame(frame, 70);
	send_frame(f, frame, 70);
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + 70);
	assert_int_equal(counters(f).rx_dropped, 0);
}

static void what_was_not_negotiated_is_answered_with_an_error(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(control(f, (uint8_t[]){ 4, 0, 1, 0 }, 4), 1);
	assert_int_equal(control(f, (uint8_t[]){ 9, 9 }, 2), 1);
	assert_int_equal(control(f, (uint8_t[]){ 0, 0 }, 2), 1);
}

static void a_command_without_room_for_its_answer_breaks_the_device(void **state)
{
	struct fixture *f = *state;
	struct fake_buffer buffer = { fake_driver_alloc(&f->driver, 8), 8, false };

	(void)fake_driver_add(&f->driver, CONTROL, &buffer, 1);
	fake_driver_kick(&f->driver, CONTROL);
	step_until_reset_wanted(f);
}

static bool link_is_up(struct fixture *f)
{
	struct net_status status;

	assert_true(net_get_status(f->driver.dev, &status));
	return status.link_up;
}

static void step_until_down(struct fixture *f)
{
	int64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	while (link_is_up(f) && clock_monotonic_ms() < end_ms)
		fake_driver_step(&f->driver, 100);
	assert_false(link_is_up(f));
}

static void the_link_goes_down_with_the_other_end(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[60];

	(void)add_buffers(f, 4, 1536);
	close(f->fd);
	f->fd = -1;
	step_until_down(f);
	make_frame(frame, sizeof(frame));
	transmit(f, (struct net_header){ 0 }, frame, sizeof(frame));
	(void)wait_used(f, TX);
	assert_int_equal(counters(f).tx_dropped, 1);
}

static void a_stream_out_of_step_is_given_up(void **state)
{
	struct fixture *f = *state;
	uint8_t nonsense[64];

	(void)add_buffers(f, 4, 1536);
	memset(nonsense, 0xff, sizeof(nonsense));
	assert_int_equal(fd_write_full(f->fd, nonsense, sizeof(nonsense)), 0);
	step_until_down(f);
}

static void a_packet_that_is_no_frame_is_lost(void **state)
{
	struct fixture *f = *state;
	uint8_t frame[100];

	(void)add_buffers(f, 4, 1536);
	make_frame(frame, sizeof(frame));
	send_frame(f, frame, NET_FRAME_MIN - 1);
	send_frame(f, frame, sizeof(frame));
	assert_int_equal(wait_used(f, RX), NET_HEADER_BYTES + sizeof(frame));
	assert_int_equal(counters(f).rx_dropped, 1);
}

#define TEST(name)	 cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_PLAIN(name) cmocka_unit_test_setup_teardown(name, set_up_plain, tear_down)
#define OF_PACKETS(name, set_up)                                   \
	{                                                          \
#name "_of_packets", name, set_up, tear_down, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_goes_out),
		TEST(a_frame_comes_in),
		TEST(a_large_frame_is_spread_over_buffers),
		TEST(a_frame_too_large_for_the_buffers_waits_for_more),
		TEST_PLAIN(a_frame_too_large_for_the_buffer_is_lost),
		TEST(frames_wait_for_buffers),
		TEST(a_frame_may_come_in_pieces),
		TEST_PLAIN(a_driver_without_mergeable_buffers_gets_frames),
		TEST(a_full_socket_loses_nothing),
		TEST(hostile_headers_are_dropped),
		TEST(a_broken_ring_stops_the_device_until_it_is_reset),
		TEST(a_receive_buffer_to_be_read_breaks_the_ring),
		TEST(a_reset_keeps_the_stream_in_step),
		TEST(the_driver_chooses_what_it_receives),
		TEST(what_was_not_negotiated_is_answered_with_an_error),
		TEST(a_command_without_room_for_its_answer_breaks_the_device),
		TEST(the_link_goes_down_with_the_other_end),
		TEST(a_stream_out_of_step_is_given_up),
		OF_PACKETS(a_frame_goes_out, set_up_packets),
		OF_PACKETS(a_frame_comes_in, set_up_packets),
		OF_PACKETS(a_large_frame_is_spread_over_buffers, set_up_packets),
		OF_PACKETS(a_frame_too_large_for_the_buffers_waits_for_more, set_up_packets),
		OF_PACKETS(a_frame_too_large_for_the_buffer_is_lost, set_up_plain_packets),
		OF_PACKETS(frames_wait_for_buffers, set_up_packets),
		OF_PACKETS(a_full_socket_loses_nothing, set_up_packets),
		OF_PACKETS(a_packet_that_is_no_frame_is_lost, set_up_packets),
		OF_PACKETS(the_link_goes_down_with_the_other_end, set_up_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
