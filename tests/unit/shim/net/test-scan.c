/* SPDX-License-Identifier: Apache-2.0 */
/* What a real network namespace holds, as the guest is told: in a namespace of the test's own. */
#include "shim/net/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <string.h>

#include "agent.pb-c.h"
#include "shim/net/netns.h"
#include "tests/unit/test.h"

typedef KataLike__Agent__V1__SetInterfaceRequest set_request;

struct fixture {
	int netns_fd;
	struct nl_sock *sock;
};

/* A namespace with v0, whose other end v1 is down. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	assert_int_equal(netns_new(&f->netns_fd, NULL), 0);
	assert_int_equal(netns_rtnl(f->netns_fd, &f->sock, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	nl_socket_free(f->sock);
	close(f->netns_fd);
	free(f);
	return 0;
}

static int run_shell(void *ctx, struct err *err)
{
	(void)err;
	return system(ctx) == 0 ? 0 : -EIO;
}

static void in_netns(const struct fixture *f, const char *commands)
{
	assert_int_equal(netns_do(f->netns_fd, run_shell, (void *)(uintptr_t)commands, NULL), 0);
}

static void make_veth(const struct fixture *f)
{
	in_netns(f, "ip link add v0 address 02:00:00:00:00:11 mtu 1400 type veth peer name v1 &&"
		    "ip link set v0 up && ip addr add 10.1.0.2/24 brd + dev v0");
}

static set_request *packed_and_unpacked(const struct scan_interface *interface)
{
	_cleanup_(bytes_fini) struct bytes bytes = { 0 };
	set_request *request;

	assert_int_equal(scan_pack(interface, &bytes), 0);
	request = kata_like__agent__v1__set_interface_request__unpack(NULL, bytes.len,
								      bytes_front(&bytes));
	assert_non_null(request);
	return request;
}

static void test_an_interface_is_described(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ struct scan *scan = NULL;
	const struct scan_interface *interface;
	set_request *request;

	make_veth(f);
	in_netns(f, "ip -6 addr add fd00::2/64 dev v0 nodad && ip route add default via 10.1.0.1 &&"
		    "ip route add 10.9.0.0/16 via 10.8.0.1 dev v0 onlink metric 7 mtu 1300 &&"
		    "ip neigh add 10.1.0.1 lladdr 02:00:00:00:00:99 dev v0 nud permanent");
	assert_int_equal(scan_make(f->sock, &scan, NULL), 0);
	assert_int_equal(scan->n, 1);
	interface = &scan->interfaces[0];
	assert_string_equal(interface->name, "v0");
	assert_string_equal(interface->kind, "veth");
	request = packed_and_unpacked(interface);
	assert_int_equal(request->interface->mtu, 1400);
	assert_memory_equal(request->interface->mac.data, "\x02\0\0\0\0\x11", 6);
	assert_int_equal(request->interface->n_addresses, 2);
	assert_int_equal(request->interface->n_neighbours, 1);
	for (size_t i = 0; i < request->interface->n_addresses; i++) {
		const KataLike__Agent__V1__InterfaceAddress *a = request->interface->addresses[i];

		if (a->address.len == 4) {
			assert_memory_equal(a->address.data, "\x0a\x01\0\x02", 4);
			assert_memory_equal(a->broadcast.data, "\x0a\x01\0\xff", 4);
			assert_int_equal(a->prefix_len, 24);
		} else {
			assert_int_equal(a->prefix_len, 64);
		}
	}
	kata_like__agent__v1__set_interface_request__free_unpacked(request, NULL);
}

static const struct scan_route *find_route(const struct scan_interface *interface,
					   uint8_t first_byte, uint8_t prefix_len)
{
	for (size_t i = 0; i < interface->n_routes; i++) {
		const struct scan_route *route = &interface->routes[i];

		if (route->destination.len_bytes == 4 &&
		    route->destination.bytes[1] == first_byte && route->prefix_len == prefix_len)
			return route;
	}
	return NULL;
}

static void test_each_kind_of_route_is_described(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ struct scan *scan = NULL;
	const struct scan_route *route;

	make_veth(f);
	in_netns(f, "ip route add default via 10.1.0.1 &&"
		    "ip route add 10.7.0.0/16 dev v0 scope link src 10.1.0.2 &&"
		    "ip route add 10.9.0.0/16 via 10.8.0.1 dev v0 onlink metric 7 mtu 1300");
	assert_int_equal(scan_make(f->sock, &scan, NULL), 0);
	route = find_route(&scan->interfaces[0], 0, 0);
	assert_non_null(route);
	assert_memory_equal(route->gateway.bytes, "\x0a\x01\0\x01", 4);
	route = find_route(&scan->interfaces[0], 1, 24);
	assert_non_null(route);
	assert_int_equal(route->gateway.len_bytes, 0);
	route = find_route(&scan->interfaces[0], 7, 16);
	assert_non_null(route);
	assert_int_equal(route->scope, 253);
	assert_memory_equal(route->source.bytes, "\x0a\x01\0\x02", 4);
	route = find_route(&scan->interfaces[0], 9, 16);
	assert_non_null(route);
	assert_true(route->on_link);
	assert_int_equal(route->metric, 7);
	assert_int_equal(route->mtu, 1300);
}

static void refused(struct fixture *f, const char *commands, const char *text)
{
	struct scan *scan = NULL;
	struct err err = ERR_INIT;

	make_veth(f);
	in_netns(f, commands);
	assert_int_equal(scan_make(f->sock, &scan, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err_text(&err), text));
}

static void test_a_second_table_is_refused_by_name(void **state)
{
	refused(*state, "ip route add 10.5.0.0/16 via 10.1.0.1 table 77",
		"route 10.5.0.0/16 is in table 77");
}

static void test_several_next_hops_are_refused_by_name(void **state)
{
	refused(*state,
		"ip route add 10.5.0.0/16 nexthop via 10.1.0.1 dev v0 nexthop via 10.1.0.3 dev v0",
		"route 10.5.0.0/16 has several next hops");
}

static void test_what_is_down_or_ours_is_left_alone(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ struct scan *scan = NULL;

	in_netns(f, "ip link add v0 type veth peer name v1 && ip link set v0 name kltap9 &&"
		    "ip link set kltap9 up");
	assert_int_equal(scan_make(f->sock, &scan, NULL), 0);
	assert_int_equal(scan->n, 0);
}

static void test_a_path_that_is_no_namespace_is_refused(void **state)
{
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	assert_int_equal(netns_open("/proc/self/ns/uts", &fd, &err), -EINVAL);
	assert_int_equal(netns_open("/no/such", &fd, &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "/no/such"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_interface_is_described, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_kind_of_route_is_described, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_second_table_is_refused_by_name, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_several_next_hops_are_refused_by_name, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_down_or_ours_is_left_alone, set_up,
						tear_down),
		cmocka_unit_test(test_a_path_that_is_no_namespace_is_refused),
	};

	if (unshare(CLONE_NEWNET) < 0 || system("command -v ip >/dev/null") != 0) {
		(void)printf("SKIP: needs root and the program ip\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
