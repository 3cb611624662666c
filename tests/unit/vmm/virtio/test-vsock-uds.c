/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the vsock device's CONNECT clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "tests/unit/vmm/virtio/vsock-guest.h"

static char uds_path[64];

static int connect_client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(address.sun_path, uds_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void setup_with_uds(struct guest *guest)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(uds_path, sizeof(uds_path), "/tmp/test-vsock-%d.sock", getpid());
	strcpy(address.sun_path, uds_path);
	(void)unlink(uds_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 64), 0);
	guest_init(guest, fd);
	guest_add_buffers(guest, 8);
}

static void a_client_that_writes_connect_reads_ok_when_the_guest_accepts(void **state)
{
	struct guest guest;
	char expected[40];
	int fd;

	(void)state;
	setup_with_uds(&guest);
	fd = connect_client();
	host_writes(fd, "CONN");
	guest_step(&guest, 4);
	host_writes(fd, "ECT 4711\nand more");
	guest_recv_request(&guest, 4711);
	guest_send_op(&guest, VSOCK_OP_RESPONSE);
	snprintf(expected, sizeof(expected), "OK %u\n", guest.host_port);
	host_sees_text(&guest, fd, expected);
	guest_recv_op(&guest, VSOCK_OP_RW);
	assert_int_equal(guest.last.len_bytes, 8);
	assert_memory_equal(guest.payload, "and more", 8);
	guest_send_bytes(&guest, "answer", 6);
	host_sees_text(&guest, fd, "answer");
	close(fd);
	guest_fini(&guest);
	unlink(uds_path);
}

static void a_client_without_a_proper_line_is_dropped(void **state)
{
	static const char *const lines[] = {
		"GET / HTTP/1.1\n",
		"CONNECT\n",
		"CONNECT \n",
		"CONNECT -1\n",
		"CONNECT 12x\n",
		"CONNECT 4294967296\n",
		"CONNECT 99999999999999999999\n",
		"CONNECT  1\n",
		"connect 1\n",
		"0123456789012345678901234567890123456789",
	};
	struct guest guest;

	(void)state;
	setup_with_uds(&guest);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = connect_client();
		char byte;

		host_writes(fd, lines[i]);
		guest_step(&guest, 6);
		/* Bytes left unread make the end a reset. */
		assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
		close(fd);
	}
	guest_recv_nothing(&guest);
	guest_fini(&guest);
	unlink(uds_path);
}

static void clients_that_say_nothing_do_not_keep_others_out_for_ever(void **state)
{
	struct guest guest;
	int silent[20], fd;

	(void)state;
	setup_with_uds(&guest);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		silent[i] = connect_client();
	fd = connect_client();
	host_writes(fd, "CONNECT 5\n");
	guest_recv_nothing(&guest);
	guest_assert_asleep(&guest);
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		close(silent[i]);
	guest_recv_request(&guest, 5);
	close(fd);
	guest_fini(&guest);
	unlink(uds_path);
}

static void the_ports_of_refused_clients_end_closed(void **state)
{
	struct guest guest;
	int fd;

	(void)state;
	setup_with_uds(&guest);
	fd = connect_client();
	host_writes(fd, "CONNECT 5\n");
	guest_recv_request(&guest, 5);
	guest_send_op(&guest, VSOCK_OP_RST);
	host_sees_end(&guest, fd);
	close(fd);
	guest_fini(&guest);
	unlink(uds_path);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_that_writes_connect_reads_ok_when_the_guest_accepts),
		cmocka_unit_test(a_client_without_a_proper_line_is_dropped),
		cmocka_unit_test(clients_that_say_nothing_do_not_keep_others_out_for_ever),
		cmocka_unit_test(the_ports_of_refused_clients_end_closed),
	};

	log_init("test-vsock-uds", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
