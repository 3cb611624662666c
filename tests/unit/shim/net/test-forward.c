/* SPDX-License-Identifier: Apache-2.0 */
/* Port-forward, in a network namespace of its own, with the test in the VMM's and guest's place. */
#include "shim/net/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"
#include "shim/net/netns.h"
#include "shim/net/sk-lookup.h"
#include "tests/unit/test.h"

struct fixture {
	struct loop *loop;
	struct vsock_link *link;
	struct forward *forward;
	int netns_fd, vmm_fd;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;
	int pair[2];

	assert_non_null(f);
	*state = f;
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(netns_new(&f->netns_fd, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->vmm_fd = pair[1];
	assert_int_equal(vsock_link_new(f->loop, pair[0], &f->link, NULL), 0);
	if (forward_new(f->loop, f->netns_fd, f->link, &f->forward, &err) < 0)
		fail_msg("%s", err_text(&err));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	forward_free(f->forward);
	vsock_link_free(f->link);
	close(f->vmm_fd);
	close(f->netns_fd);
	loop_free(f->loop);
	free(f);
	return 0;
}

struct target {
	int family;
	uint16_t port;
	int fd;
};

static int connect_inside(void *ctx, struct err *err)
{
	struct target *target = ctx;
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_port = htons(target->port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons(target->port),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	target->fd = socket(target->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(target->fd, target->family == AF_INET ? (const void *)&v4 : (const void *)&v6,
		    target->family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0)
		return err_set(err, errno, "connect");
	return 0;
}

static int connect_to(struct fixture *f, int family, uint16_t port)
{
	struct target target = { family, port, -1 };
	struct err err = ERR_INIT;

	if (netns_do(f->netns_fd, connect_inside, &target, &err) < 0)
		fail_msg("%s", err_text(&err));
	return target.fd;
}

/* The guest's end of the stream that a connection brought, and what it asked for. */
static int take_stream(struct fixture *f, struct vsock_forward_request *ret_request)
{
	struct vsock_link_message message;
	size_t n_fds = 1;
	int fd = -1;

	assert_int_equal(loop_step(f->loop, 1000), 0);
	assert_int_equal(fd_recv(f->vmm_fd, &message, sizeof(message), &fd, &n_fds),
			 sizeof(message));
	assert_int_equal(message.port, VSOCK_PORT_FORWARD);
	assert_int_equal(recv(fd, ret_request, sizeof(*ret_request), 0), sizeof(*ret_request));
	return fd;
}

static void answer(int guest_fd, int32_t errnum)
{
	assert_int_equal(send(guest_fd, &errnum, sizeof(errnum), 0), sizeof(errnum));
}

static void step_a_while(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		assert_int_equal(loop_step(f->loop, 10), 0);
}

static void both_ways(struct fixture *f, int family, uint16_t port)
{
	struct vsock_forward_request request;
	int client = connect_to(f, family, port), guest = take_stream(f, &request);
	char text[16] = "";

	assert_int_equal(request.port, port);
	assert_int_equal(request.ipv6, family == AF_INET6);
	answer(guest, 0);
	assert_int_equal(send(client, "question", 8, 0), 8);
	step_a_while(f);
	assert_int_equal(recv(guest, text, sizeof(text), 0), 8);
	assert_memory_equal(text, "question", 8);
	/* The client has said all; the answer still comes. */
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	step_a_while(f);
	assert_int_equal(recv(guest, text, sizeof(text), 0), 0);
	assert_int_equal(send(guest, "answer", 6, 0), 6);
	assert_int_equal(close(guest), 0);
	step_a_while(f);
	assert_int_equal(recv(client, text, sizeof(text), MSG_WAITALL), 6);
	assert_memory_equal(text, "answer", 6);
	close(client);
}

static void test_any_port_of_localhost_reaches_the_guest(void **state)
{
	both_ways(*state, AF_INET, 80);
	both_ways(*state, AF_INET, 54321);
}

static void test_ipv6_reaches_the_guest(void **state)
{
	both_ways(*state, AF_INET6, 8080);
}

static void test_a_refusal_of_the_guest_resets_the_connection(void **state)
{
	struct fixture *f = *state;
	struct vsock_forward_request request;
	int client = connect_to(f, AF_INET, 81), guest = take_stream(f, &request);
	char byte;

	answer(guest, ECONNREFUSED);
	step_a_while(f);
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(client);
	close(guest);
}

static void test_a_vm_that_is_gone_resets_the_connection(void **state)
{
	struct fixture *f = *state;
	struct vsock_forward_request request;
	int client = connect_to(f, AF_INET, 82), guest = take_stream(f, &request);
	char byte;

	close(guest);
	step_a_while(f);
	assert_int_equal(recv(client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(client);
}

static void test_many_bytes_arrive_whole(void **state)
{
	struct fixture *f = *state;
	struct vsock_forward_request request;
	int client = connect_to(f, AF_INET, 83), guest = take_stream(f, &request);
	uint8_t out[4096], in[4096];
	size_t sent = 0, received = 0, total = 4u << 20;

	answer(guest, 0);
	step_a_while(f);
	assert_int_equal(fd_set_nonblock(guest, 1), 0);
	assert_int_equal(fd_set_nonblock(client, 1), 0);
	while (received < total) {
		ssize_t n;

		for (size_t i = 0; i < sizeof(out); i++)
			out[i] = (uint8_t)((sent + i) * 7 >> 3);
		n = sent < total ? send(guest, out, sizeof(out), 0) : 0;
		sent += n > 0 ? (size_t)n : 0;
		assert_int_equal(loop_step(f->loop, 0), 0);
		n = recv(client, in, sizeof(in), 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(in[i], (uint8_t)((received + (size_t)i) * 7 >> 3));
		received += n > 0 ? (size_t)n : 0;
	}
	close(client);
	close(guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_any_port_of_localhost_reaches_the_guest,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ipv6_reaches_the_guest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_refusal_of_the_guest_resets_the_connection,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_vm_that_is_gone_resets_the_connection,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_bytes_arrive_whole, set_up, tear_down),
	};
	struct err err = ERR_INIT;
	int netns_fd, link_fd;

	if (netns_new(&netns_fd, &err) == 0 &&
	    sk_lookup_attach(netns_fd, -1, -1, &link_fd, &err) == -EPERM) {
		(void)printf("SKIP: %s\n", err_text(&err));
		return 77;
	}
	if (err.code == -EPERM || err.code == -EINVAL) {
		(void)printf("SKIP: %s\n", err_text(&err));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
