/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the vsock device against guests that break its rules or its patience. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/unit/vmm/virtio/vsock-guest.h"
#include "vmm/virtio/vsock-table.h"

static void a_guest_that_ignores_its_credit_is_reset(void **state)
{
	static uint8_t bytes[GUEST_TX_PAYLOAD_MAX];
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 16);
	fd = guest_connect(&guest);
	for (int i = 0; i < 9; i++)
		guest_send_bytes(&guest, bytes, sizeof(bytes));
	do
		guest_recv(&guest);
	while (guest.last.op == VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(guest.last.op, VSOCK_OP_RST);
	close(fd);
	guest_fini(&guest);
}

static void without_receive_buffers_the_device_sleeps_and_then_goes_on(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 1);
	fd = guest_connect(&guest);
	host_writes(fd, "waits");
	guest_assert_asleep(&guest);
	/* Even with the host gone, which epoll would report for ever. */
	close(fd);
	guest_assert_asleep(&guest);
	guest_add_buffers(&guest, 4);
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_memory_equal(guest.payload, "waits", 5);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	guest_fini(&guest);
}

static void without_credit_the_device_sleeps_and_then_goes_on(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest.buf_alloc = 4;
	guest_add_buffers(&guest, 8);
	fd = guest_connect(&guest);
	host_writes(fd, "12345678");
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_int_equal(guest.last.len_bytes, 4);
	guest_recv_op(&guest, VSOCK_OP_CREDIT_REQUEST);
	close(fd);
	guest_assert_asleep(&guest);
	guest.buf_alloc = 0;
	guest.fwd_cnt = 4;
	guest_send_op(&guest, VSOCK_OP_CREDIT_UPDATE);
	guest_recv_nothing(&guest);
	guest.buf_alloc = UINT32_MAX;
	guest_send_op(&guest, VSOCK_OP_CREDIT_UPDATE);
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_memory_equal(guest.payload, "5678", 4);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	guest_fini(&guest);
}

static void a_forged_fwd_cnt_resets_the_connection_only(void **state)
{
	struct guest guest;
	int bad, good;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	good = guest_connect(&guest);
	guest.guest_port++;
	bad = guest_connect(&guest);
	guest.fwd_cnt = 1000;
	guest_send_op(&guest, VSOCK_OP_CREDIT_UPDATE);
	guest_recv_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, bad);
	guest.guest_port--;
	guest.fwd_cnt = 0;
	guest_send_bytes(&guest, "alive", 5);
	host_sees_text(&guest, good, "alive");
	assert_int_equal(guest.driver.resets_wanted, 0);
	close(bad);
	close(good);
	guest_fini(&guest);
}

static void forged_and_malformed_packets_are_dropped(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_connect(&guest);
	guest.src_cid = VSOCK_CID_HOST;
	guest_send_bytes(&guest, "forged", 6);
	guest.src_cid = 77;
	guest_send_op(&guest, VSOCK_OP_RST);
	guest.src_cid = VSOCK_GUEST_CID;
	guest_write_header(&guest, VSOCK_OP_RW, 0, 1000);
	guest_submit(&guest, 10);
	guest_write_header(&guest, VSOCK_OP_RW, 0, UINT32_MAX);
	guest_submit(&guest, 10);
	guest_recv_nothing(&guest);
	guest_send_bytes(&guest, "good", 4);
	host_sees_text(&guest, fd, "good");
	close(fd);
	guest_fini(&guest);
}

static void only_streams_to_the_host_are_accepted(void **state)
{
	struct guest guest;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	guest.type = 2;
	guest_send_op(&guest, VSOCK_OP_REQUEST);
	guest_recv_op(&guest, VSOCK_OP_RST);
	assert_int_equal(guest.last.type, 2);
	guest.type = VSOCK_TYPE_STREAM;
	guest.dst_cid = 9;
	guest_send_op(&guest, VSOCK_OP_REQUEST);
	guest_recv_op(&guest, VSOCK_OP_RST);
	assert_int_equal(guest.last.src_cid, 9);
	guest.dst_cid = VSOCK_CID_HOST;
	guest_send_bytes(&guest, "no connection", 13);
	guest_recv_op(&guest, VSOCK_OP_RST);
	guest_send_op(&guest, VSOCK_OP_RST);
	guest_recv_nothing(&guest);
	guest_fini(&guest);
}

static void a_hundred_thousand_requests_stay_within_bounds(void **state)
{
	static const unsigned n_requests = 100000;
	struct rlimit limit;
	struct guest guest;
	unsigned accepted = 0, refused = 0, n_fds;
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < 2 * VSOCK_CONNECTIONS_MAX + 100)
		skip(); /* two descriptors for each connection */
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	guest_init(&guest, -1);
	n_fds = host_count_fds();
	guest_add_buffers(&guest, 64);
	for (unsigned i = 0; i < n_requests; i++) {
		guest.guest_port = i;
		guest_send_op(&guest, VSOCK_OP_REQUEST);
		guest_recv(&guest);
		guest_add_buffers(&guest, 1);
		if (guest.last.op == VSOCK_OP_RST) {
			refused++;
			continue;
		}
		accepted++;
		/* Kept open, so that the limit is reached. */
		assert_int_equal(guest.last.op, VSOCK_OP_RESPONSE);
		(void)guest_take_from_link(&guest, HOST_PORT);
	}
	assert_int_equal(accepted, VSOCK_CONNECTIONS_MAX);
	assert_int_equal(refused, n_requests - VSOCK_CONNECTIONS_MAX);
	assert_int_equal(guest.driver.resets_wanted, 0);
	/* There is no place for the host's own either, until one ends. */
	fd = guest_ask_by_link(&guest, 7);
	host_sees_end(&guest, fd);
	close(fd);
	guest.guest_port = 0;
	guest_send_op(&guest, VSOCK_OP_RST);
	fd = guest_ask_by_link(&guest, 7);
	guest_recv_request(&guest, 7);
	close(fd);
	guest_fini(&guest);
	/* What is left are the host's ends. */
	for (unsigned i = 3, left = VSOCK_CONNECTIONS_MAX; left > 0 && i < limit.rlim_max; i++) {
		int type;
		socklen_t len = sizeof(type);

		if (getsockopt((int)i, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_STREAM) {
			close((int)i);
			left--;
		}
	}
	assert_true(host_count_fds() < n_fds);
}

static void requests_the_shim_does_not_take_are_refused(void **state)
{
	struct guest guest;
	unsigned refused = 0;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	for (unsigned i = 0; i < 600; i++) {
		guest.guest_port = i;
		guest_send_op(&guest, VSOCK_OP_REQUEST);
		guest_recv(&guest);
		refused += guest.last.op == VSOCK_OP_RST;
		guest_add_buffers(&guest, 1);
	}
	assert_true(refused > 0);
	/* With the shim gone all are. */
	close(guest.link);
	guest.link = -1;
	guest_step(&guest, 4);
	guest.guest_port = 1000;
	guest_send_op(&guest, VSOCK_OP_REQUEST);
	do {
		guest_recv(&guest);
		guest_add_buffers(&guest, 1);
	} while (guest.last.dst_port != 1000);
	assert_int_equal(guest.last.op, VSOCK_OP_RST);
	guest_fini(&guest);
}

static void a_receive_queue_that_is_never_filled_costs_nothing(void **state)
{
	struct guest guest;
	unsigned taken = 0;

	(void)state;
	guest_init(&guest, -1);
	for (unsigned i = 0; i < 120; i++) {
		guest.guest_port = 10000 + i;
		guest_write_header(&guest, VSOCK_OP_RW, 0, 0);
		guest_submit(&guest, 0);
	}
	while (fake_driver_wait_used(&guest.driver, GUEST_TX, GUEST_NEVER_MS, NULL, NULL))
		taken++;
	/* All packets are the same bytes in memory: the last header. The device waits for room. */
	assert_true(taken >= 64 && taken < 120);
	guest_assert_asleep(&guest);
	for (unsigned i = 0; i < 120; i++) {
		guest_add_buffers(&guest, 1);
		guest_recv(&guest);
		assert_int_equal(guest.last.op, VSOCK_OP_RST);
	}
	while (fake_driver_wait_used(&guest.driver, GUEST_TX, GUEST_NEVER_MS, NULL, NULL))
		taken++;
	assert_int_equal(taken, 120);
	guest_recv_nothing(&guest);
	guest_fini(&guest);
}

static void a_receive_buffer_without_room_breaks_the_device_only(void **state)
{
	struct fake_buffer buffer = { .len = VSOCK_HEADER_BYTES, .writable = true };
	struct guest guest;
	char byte;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 1);
	fd = guest_connect(&guest);
	buffer.gpa = fake_driver_alloc(&guest.driver, VSOCK_HEADER_BYTES);
	(void)fake_driver_add(&guest.driver, GUEST_RX, &buffer, 1);
	fake_driver_kick(&guest.driver, GUEST_RX);
	guest_send_bytes(&guest, "last", 4);
	host_writes(fd, "x");
	guest_step(&guest, 4);
	assert_int_equal(guest.driver.resets_wanted, 1);
	host_sees_text(&guest, fd, "last");
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET); /* as "x" was never read */
	guest_assert_asleep(&guest);
	close(fd);
	fake_driver_reset(&guest.driver);
	fake_driver_restart(&guest.driver, VIRTIO_F_VERSION_1);
	guest_new_rings(&guest);
	guest_add_buffers(&guest, 1);
	close(guest_connect(&guest));
	guest_fini(&guest);
}

static void a_malformed_ring_breaks_the_device_only(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 1);
	fd = guest_connect(&guest);
	fake_ring_set_avail_idx(&guest.driver.rings[GUEST_TX], 5000);
	fake_driver_kick(&guest.driver, GUEST_TX);
	assert_int_equal(guest.driver.resets_wanted, 1);
	host_sees_end(&guest, fd);
	close(fd);
	guest_fini(&guest);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_ignores_its_credit_is_reset),
		cmocka_unit_test(without_receive_buffers_the_device_sleeps_and_then_goes_on),
		cmocka_unit_test(without_credit_the_device_sleeps_and_then_goes_on),
		cmocka_unit_test(a_forged_fwd_cnt_resets_the_connection_only),
		cmocka_unit_test(forged_and_malformed_packets_are_dropped),
		cmocka_unit_test(only_streams_to_the_host_are_accepted),
		cmocka_unit_test(a_hundred_thousand_requests_stay_within_bounds),
		cmocka_unit_test(requests_the_shim_does_not_take_are_refused),
		cmocka_unit_test(a_receive_queue_that_is_never_filled_costs_nothing),
		cmocka_unit_test(a_receive_buffer_without_room_breaks_the_device_only),
		cmocka_unit_test(a_malformed_ring_breaks_the_device_only),
	};

	log_init("test-vsock-hostile", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
