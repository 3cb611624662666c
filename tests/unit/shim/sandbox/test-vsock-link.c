/* SPDX-License-Identifier: Apache-2.0 */
/* Vsock connections handed across a socket pair. */
#include "shim/sandbox/vsock-link.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"
#include "tests/unit/test.h"

struct fixture {
	struct loop *loop;
	struct vsock_link *link;
	int vmm_fd; /* the VMM's end */
	int accepted;
	int n_accepted;
};

static void set_up(struct fixture *f)
{
	int pair[2];

	*f = (struct fixture){ .accepted = -1 };
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->vmm_fd = pair[1];
	assert_int_equal(vsock_link_new(f->loop, pair[0], &f->link, NULL), 0);
}

static void tear_down(struct fixture *f)
{
	if (f->accepted >= 0)
		close(f->accepted);
	vsock_link_free(f->link);
	close(f->vmm_fd);
	loop_free(f->loop);
}

static void accepted(void *ctx, int fd)
{
	struct fixture *f = ctx;

	f->accepted = fd;
	f->n_accepted++;
}

/* The guest connects; returns its end of the stream. */
static int connect_from_guest(struct fixture *f, uint32_t port)
{
	struct vsock_link_message message = { .port = port };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send(f->vmm_fd, &message, sizeof(message), &pair[1], 1), 0);
	close(pair[1]);
	assert_int_equal(loop_step(f->loop, 1000), 0);
	return pair[0];
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void a_listener_gets_its_connection_once(void **state)
{
	struct fixture f;
	struct vsock_listener *listener;
	int guest, second;
	char byte;

	(void)state;
	set_up(&f);
	assert_int_equal(vsock_link_listen(f.link, 70000, accepted, &f, &listener), 0);
	assert_int_equal(vsock_link_listen(f.link, 70000, accepted, &f, &listener), -EADDRINUSE);
	guest = connect_from_guest(&f, 70000);
	assert_int_equal(f.n_accepted, 1);
	assert_int_equal(write(guest, "x", 1), 1);
	assert_int_equal(read(f.accepted, &byte, 1), 1);
	second = connect_from_guest(&f, 70000);
	assert_int_equal(f.n_accepted, 1);
	assert_true(is_closed(second));
	close(second);
	close(guest);
	tear_down(&f);
}

static void a_port_that_nobody_listens_on_refuses(void **state)
{
	struct fixture f;
	struct vsock_listener *listener;
	int guest;

	(void)state;
	set_up(&f);
	assert_int_equal(vsock_link_listen(f.link, 70000, accepted, &f, &listener), 0);
	vsock_listener_free(listener);
	guest = connect_from_guest(&f, 70000);
	assert_true(is_closed(guest));
	close(guest);
	tear_down(&f);
}

static void malformed_packets_are_dropped(void **state)
{
	struct fixture f;
	struct vsock_listener *listener;
	int guest, extra = dup(0);
	uint64_t large = 70000;

	(void)state;
	set_up(&f);
	assert_int_equal(vsock_link_listen(f.link, 70000, accepted, &f, &listener), 0);
	assert_int_equal(fd_send(f.vmm_fd, "ab", 2, &extra, 1), 0);
	assert_int_equal(fd_send(f.vmm_fd, &large, sizeof(large), &extra, 1), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(loop_step(f.loop, 1000), 0);
	assert_int_equal(f.n_accepted, 0);
	guest = connect_from_guest(&f, 70000);
	assert_int_equal(f.n_accepted, 1);
	close(guest);
	close(extra);
	tear_down(&f);
}

static void a_descriptor_that_got_lost_is_told(void **state)
{
	struct vsock_link_message message = { .port = 70000 };
	struct fixture f;
	struct vsock_listener *listener;

	(void)state;
	set_up(&f);
	f.accepted = 0;
	assert_int_equal(vsock_link_listen(f.link, 70000, accepted, &f, &listener), 0);
	assert_int_equal(send(f.vmm_fd, &message, sizeof(message), 0), sizeof(message));
	assert_int_equal(loop_step(f.loop, 1000), 0);
	assert_int_equal(f.n_accepted, 1);
	assert_int_equal(f.accepted, -1);
	tear_down(&f);
}

static void connecting_hands_over_a_stream_and_the_port(void **state)
{
	struct fixture f;
	struct vsock_link_message message;
	int ours, theirs;
	size_t n = 1;
	char byte;

	(void)state;
	set_up(&f);
	assert_int_equal(vsock_link_connect(f.link, VSOCK_PORT_AGENT, &ours, NULL), 0);
	assert_int_equal(fd_recv(f.vmm_fd, &message, sizeof(message), &theirs, &n),
			 (int)sizeof(message));
	assert_int_equal(n, 1);
	assert_int_equal(message.port, VSOCK_PORT_AGENT);
	assert_int_equal(write(theirs, "y", 1), 1);
	assert_int_equal(read(ours, &byte, 1), 1);
	/* Refused: the VMM closes it. */
	close(theirs);
	assert_true(is_closed(ours));
	close(ours);
	tear_down(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_gets_its_connection_once),
		cmocka_unit_test(a_port_that_nobody_listens_on_refuses),
		cmocka_unit_test(malformed_packets_are_dropped),
		cmocka_unit_test(a_descriptor_that_got_lost_is_told),
		cmocka_unit_test(connecting_hands_over_a_stream_and_the_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
