/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the vsock device: a guest's driver on one side, the shim's sockets on the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "tests/unit/vmm/virtio/vsock-guest.h"
#include "vmm/virtio/vsock-table.h"

static void the_configuration_is_the_guests_cid(void **state)
{
	struct guest guest;
	uint8_t cid[8], part[2];

	(void)state;
	guest_init(&guest, -1);
	guest.driver.dev->ops->config_read(guest.driver.dev, 0, cid, 8);
	assert_memory_equal(cid, "\3\0\0\0\0\0\0\0", 8);
	guest.driver.dev->ops->config_read(guest.driver.dev, 6, part, 2);
	assert_memory_equal(part, "\0\0", 2);
	guest_fini(&guest);
}

static void a_guest_that_connects_gets_a_stream_both_ways(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_connect(&guest);
	assert_int_equal(guest.last.buf_alloc, VSOCK_BUFFER_LARGE);
	guest_send_bytes(&guest, "to the host", 11);
	host_sees_text(&guest, fd, "to the host");
	host_writes(fd, "to the guest");
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_int_equal(guest.last.len_bytes, 12);
	assert_memory_equal(guest.payload, "to the guest", 12);
	assert_int_equal(guest.last.fwd_cnt, 11);
	assert_true(guest.driver.signals[GUEST_RX] > 0);
	close(fd);
	guest_fini(&guest);
}

static void the_shim_connects_to_a_port_of_the_guest(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_ask_by_link(&guest, VSOCK_PORT_AGENT);
	guest_recv_request(&guest, VSOCK_PORT_AGENT);
	host_writes(fd, "early");
	guest_recv_nothing(&guest);
	guest_send_op(&guest, VSOCK_OP_RESPONSE);
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_memory_equal(guest.payload, "early", 5);
	guest_send_bytes(&guest, "hello", 5);
	host_sees_text(&guest, fd, "hello");
	close(fd);
	guest_fini(&guest);
}

static void requests_of_the_shim_wait_for_the_driver(void **state)
{
	struct guest guest;
	int first, second;

	(void)state;
	guest_init(&guest, -1);
	fake_driver_reset(&guest.driver);
	guest_step(&guest, 2);
	first = guest_ask_by_link(&guest, 1);
	second = guest_ask_by_link(&guest, 2);
	guest_step(&guest, 4);
	fake_driver_restart(&guest.driver, VIRTIO_F_VERSION_1);
	guest_new_rings(&guest);
	guest_add_buffers(&guest, 8);
	guest_recv_request(&guest, 1);
	guest_recv_request(&guest, 2);
	close(first);
	close(second);
	guest_fini(&guest);
}

static void what_the_guest_refuses_is_closed(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_ask_by_link(&guest, 7);
	guest_recv_request(&guest, 7);
	guest_send_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, fd);
	guest_recv_nothing(&guest);
	close(fd);
	guest_fini(&guest);
}

static void a_guest_that_never_answers_is_given_up(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init_impatient(&guest);
	guest_add_buffers(&guest, 8);
	fd = guest_ask_by_link(&guest, 7);
	guest_recv_request(&guest, 7);
	host_sees_end(&guest, fd);
	guest_recv_op(&guest, VSOCK_OP_RST);
	close(fd);
	guest_fini(&guest);
}

static void bytes_of_a_host_that_left_before_the_answer_arrive(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_ask_by_link(&guest, 7);
	host_writes(fd, "fire and forget");
	close(fd);
	guest_recv_request(&guest, 7);
	guest_send_op(&guest, VSOCK_OP_RESPONSE);
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_memory_equal(guest.payload, "fire and forget", 15);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	assert_int_equal(guest.last.flags, VSOCK_SHUTDOWN_BOTH);
	guest_fini(&guest);
}

static void the_end_of_stdin_leaves_the_other_direction_open(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_connect(&guest);
	host_writes(fd, "input");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	guest_recv_op(&guest, VSOCK_OP_RW);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	assert_int_equal(guest.last.flags, VSOCK_SHUTDOWN_SEND);
	guest_assert_asleep(&guest);
	guest_send_bytes(&guest, "output", 6);
	host_sees_text(&guest, fd, "output");
	guest_send(&guest, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	guest_recv_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, fd);
	close(fd);
	guest_fini(&guest);
}

static void the_end_of_stdout_leaves_the_other_direction_open(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	fd = guest_connect(&guest);
	guest_send_bytes(&guest, "output", 6);
	guest_send(&guest, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND, NULL, 0);
	host_sees_text(&guest, fd, "output");
	host_sees_end(&guest, fd);
	guest_assert_asleep(&guest);
	host_writes(fd, "input");
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_memory_equal(guest.payload, "input", 5);
	close(fd);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	assert_int_equal(guest.last.flags, VSOCK_SHUTDOWN_BOTH);
	guest_fini(&guest);
}

static void a_guest_that_does_not_answer_a_close_is_reset(void **state)
{
	struct guest guest;
	unsigned n_fds;
	int fd;

	(void)state;
	guest_init_impatient(&guest);
	guest_add_buffers(&guest, 8);
	n_fds = host_count_fds();
	fd = guest_connect(&guest);
	close(fd);
	guest_recv_op(&guest, VSOCK_OP_SHUTDOWN);
	guest_recv_op(&guest, VSOCK_OP_RST);
	guest_step(&guest, 2);
	assert_int_equal(host_count_fds(), n_fds);
	guest_fini(&guest);
}

static void a_slow_host_loses_nothing_when_the_guest_closes(void **state)
{
	struct guest guest;
	uint32_t total;
	int fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 16);
	fd = guest_connect(&guest);
	total = guest_fill_host(&guest, fd);
	guest_send(&guest, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH, NULL, 0);
	guest_assert_asleep(&guest);
	guest_drain_host(&guest, fd, total);
	host_sees_end(&guest, fd);
	do
		guest_recv(&guest);
	while (guest.last.op == VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(guest.last.op, VSOCK_OP_RST);
	close(fd);
	guest_fini(&guest);
}

static void a_slow_host_loses_nothing_when_the_guest_resets_and_connects_anew(void **state)
{
	struct guest guest;
	uint32_t total;
	int old_fd, new_fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 16);
	old_fd = guest_connect(&guest);
	total = guest_fill_host(&guest, old_fd);
	guest_recv_op(&guest, VSOCK_OP_CREDIT_UPDATE);
	guest_send_op(&guest, VSOCK_OP_RST);
	/* The same ports at once. */
	new_fd = guest_connect(&guest);
	guest_send_bytes(&guest, "new", 3);
	host_sees_text(&guest, new_fd, "new");
	guest_drain_host(&guest, old_fd, total);
	host_sees_end(&guest, old_fd);
	close(old_fd);
	close(new_fd);
	guest_fini(&guest);
}

static void a_driver_reset_ends_connections_but_not_the_bytes_on_their_way(void **state)
{
	struct guest guest;
	uint32_t total;
	unsigned n_fds;
	int slow_fd, idle_fd, fd;

	(void)state;
	guest_init(&guest, -1);
	n_fds = host_count_fds();
	guest_add_buffers(&guest, 16);
	slow_fd = guest_connect(&guest);
	total = guest_fill_host(&guest, slow_fd);
	guest_recv_op(&guest, VSOCK_OP_CREDIT_UPDATE);
	guest.guest_port++;
	idle_fd = guest_connect(&guest);
	fake_driver_reset(&guest.driver);
	host_sees_end(&guest, idle_fd);
	fake_driver_restart(&guest.driver, VIRTIO_F_VERSION_1);
	guest_new_rings(&guest);
	guest_add_buffers(&guest, 16);
	guest.guest_port = GUEST_PORT;
	fd = guest_connect(&guest);
	guest_drain_host(&guest, slow_fd, total);
	host_sees_end(&guest, slow_fd);
	close(slow_fd);
	close(idle_fd);
	guest_send_bytes(&guest, "again", 5);
	host_sees_text(&guest, fd, "again");
	guest_send_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, fd);
	close(fd);
	fd = guest_ask_by_link(&guest, 9);
	guest_recv_request(&guest, 9);
	guest_send_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, fd);
	close(fd);
	guest_step(&guest, 2);
	assert_int_equal(host_count_fds(), n_fds);
	guest_fini(&guest);
}

static void a_reset_that_is_over_before_the_device_looks_ends_connections_too(void **state)
{
	struct guest guest;
	int old_fd, new_fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	old_fd = guest_connect(&guest);
	fake_driver_reset(&guest.driver);
	fake_driver_restart(&guest.driver, VIRTIO_F_VERSION_1);
	guest_new_rings(&guest);
	host_writes(old_fd, "stale");
	guest_add_buffers(&guest, 8);
	guest_recv_nothing(&guest);
	/* Accepted, as the old connection of these ports is gone. */
	new_fd = guest_connect(&guest);
	guest_send_bytes(&guest, "new", 3);
	host_sees_text(&guest, new_fd, "new");
	close(old_fd);
	close(new_fd);
	guest_fini(&guest);
}

static void a_busy_stream_does_not_starve_another(void **state)
{
	static uint8_t bytes[65536];
	struct guest guest;
	int busy, quiet;
	bool seen = false;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 2);
	busy = guest_connect(&guest);
	guest.guest_port++;
	quiet = guest_connect(&guest);
	while (send(busy, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	guest_step(&guest, 4);
	host_writes(quiet, "me too");
	guest_step(&guest, 4);
	for (int i = 0; i < 4 && !seen; i++) {
		guest_add_buffers(&guest, 1);
		guest_recv(&guest);
		seen = guest.last.dst_port == guest.guest_port;
	}
	assert_true(seen);
	close(busy);
	close(quiet);
	guest_fini(&guest);
}

static void a_malformed_link_message_is_dropped_with_its_descriptors(void **state)
{
	struct vsock_link_message message = { .port = 5 };
	struct guest guest;
	unsigned n_fds;
	int pair[2], fd;

	(void)state;
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 8);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	n_fds = host_count_fds();
	assert_int_equal(fd_send(guest.link, "abc", 3, pair, 1), 0);
	assert_int_equal(fd_send(guest.link, "abcde", 5, pair, 1), 0);
	assert_int_equal(fd_send(guest.link, &message, sizeof(message), pair, 2), 0);
	assert_int_equal(fd_send(guest.link, &message, sizeof(message), NULL, 0), 0);
	guest_recv_nothing(&guest);
	assert_int_equal(host_count_fds(), n_fds);
	fd = guest_ask_by_link(&guest, 6);
	guest_recv_request(&guest, 6);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	guest_fini(&guest);
}

/* A period that divides no packet's length: loss, doubling and swaps show. */
#define PERIOD 251u

static void sixty_four_megabytes_arrive_in_order_both_ways(void **state)
{
	static const uint64_t total = 64ull << 20;
	static uint8_t bytes[GUEST_TX_PAYLOAD_MAX], expected[GUEST_TX_PAYLOAD_MAX + PERIOD];
	uint64_t host_sent = 0, guest_got = 0, guest_sent = 0, host_got = 0;
	uint32_t fwd_cnt = 0;
	struct guest guest;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(expected); i++)
		expected[i] = (uint8_t)(i % PERIOD);
	guest_init(&guest, -1);
	guest_add_buffers(&guest, 64);
	fd = guest_connect(&guest);
	guest_add_buffers(&guest, 1);
	while (guest_got < total || host_got < total) {
		uint32_t credit = VSOCK_BUFFER_LARGE - ((uint32_t)guest_sent - fwd_cnt);
		ssize_t n;

		if (host_sent < total) {
			n = send(fd, expected + host_sent % PERIOD, GUEST_TX_PAYLOAD_MAX,
				 MSG_DONTWAIT);
			if (n > 0)
				host_sent += (uint64_t)n;
		}
		if (guest_sent < total && credit > 0) {
			uint32_t len = MIN(credit, GUEST_TX_PAYLOAD_MAX);

			guest_send_bytes(&guest, expected + guest_sent % PERIOD, len);
			guest_sent += len;
		}
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0) {
			assert_memory_equal(bytes, expected + host_got % PERIOD, (size_t)n);
			host_got += (uint64_t)n;
		}
		while (guest_try_recv(&guest, 0)) {
			fwd_cnt = guest.last.fwd_cnt;
			if (guest.last.op == VSOCK_OP_RW) {
				assert_memory_equal(guest.payload, expected + guest_got % PERIOD,
						    guest.last.len_bytes);
				guest_got += guest.last.len_bytes;
				guest.fwd_cnt = (uint32_t)guest_got;
			}
			guest_add_buffer(&guest);
		}
		fake_driver_kick(&guest.driver, GUEST_RX);
		guest_send_op(&guest, VSOCK_OP_CREDIT_UPDATE);
		fake_driver_step(&guest.driver, 0);
	}
	assert_true(guest_got == host_sent);
	assert_true(host_got == guest_sent);
	assert_true(guest.driver.signals[GUEST_RX] < total / GUEST_RX_BUFFER_BYTES);
	close(fd);
	guest_fini(&guest);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_is_the_guests_cid),
		cmocka_unit_test(a_guest_that_connects_gets_a_stream_both_ways),
		cmocka_unit_test(the_shim_connects_to_a_port_of_the_guest),
		cmocka_unit_test(requests_of_the_shim_wait_for_the_driver),
		cmocka_unit_test(what_the_guest_refuses_is_closed),
		cmocka_unit_test(a_guest_that_never_answers_is_given_up),
		cmocka_unit_test(bytes_of_a_host_that_left_before_the_answer_arrive),
		cmocka_unit_test(the_end_of_stdin_leaves_the_other_direction_open),
		cmocka_unit_test(the_end_of_stdout_leaves_the_other_direction_open),
		cmocka_unit_test(a_guest_that_does_not_answer_a_close_is_reset),
		cmocka_unit_test(a_slow_host_loses_nothing_when_the_guest_closes),
		cmocka_unit_test(a_slow_host_loses_nothing_when_the_guest_resets_and_connects_anew),
		cmocka_unit_test(a_driver_reset_ends_connections_but_not_the_bytes_on_their_way),
		cmocka_unit_test(a_reset_that_is_over_before_the_device_looks_ends_connections_too),
		cmocka_unit_test(a_busy_stream_does_not_starve_another),
		cmocka_unit_test(a_malformed_link_message_is_dropped_with_its_descriptors),
		cmocka_unit_test(sixty_four_megabytes_arrive_in_order_both_ways),
	};

	log_init("test-vsock", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
