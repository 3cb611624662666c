/* SPDX-License-Identifier: Apache-2.0 */
/* Each network model on a real veth: frames go both ways, and nothing stays behind. */
#include <errno.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include "lib/fd.h"
#include "shim/net/model.h"
#include "shim/net/netns.h"
#include "shim/net/nic.h"
#include "tests/unit/test.h"

/* In front of each frame, as the taps are made (struct virtio_net_hdr without num_buffers). */
#define HEADER_BYTES 10
#define FRAME_BYTES  64

struct fixture {
	struct net_place place;
	struct scan *scan;
	struct nic *nic;
};

static int run_shell(void *ctx, struct err *err)
{
	(void)err;
	return system(ctx) == 0 ? 0 : -EIO;
}

static bool shell(struct fixture *f, const char *commands)
{
	return netns_do(f->place.netns_fd, run_shell, (void *)(uintptr_t)commands, NULL) == 0;
}

/* v0 is the pod's, v1 stands for the host's end, and lies in the same namespace. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	assert_int_equal(netns_new(&f->place.netns_fd, NULL), 0);
	assert_int_equal(netns_rtnl(f->place.netns_fd, &f->place.sock, NULL), 0);
	assert_true(shell(f, "ip link add v0 address 02:00:00:00:00:11 type veth peer name v1 && "
			     "sysctl -qw net.ipv6.conf.v0.disable_ipv6=1 "
			     "net.ipv6.conf.v1.disable_ipv6=1; ip link set v0 up"));
	assert_int_equal(scan_make(f->place.sock, &f->scan, NULL), 0);
	assert_int_equal(f->scan->n, 1);
	/* Not before the look, which is to find one interface only. */
	assert_true(shell(f, "ip link set v1 up"));
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	nic_free(f->nic);
	free(f->scan);
	nl_socket_free(f->place.sock);
	close(f->place.netns_fd);
	free(f);
	return 0;
}

static void join(struct fixture *f, const struct net_model *model)
{
	struct err err = ERR_INIT;

	f->nic = nic_new(&f->scan->interfaces[0], 1);
	assert_non_null(f->nic);
	if (nic_join(f->nic, &f->place, model, &f->scan->interfaces[0], &err) < 0)
		fail_msg("%s", err_text(&err));
	assert_int_equal(f->nic->joint.n_fds, 1);
}

/* A broadcast frame with a mark in it, from the guest to v1 and from v1 to the guest. */
static void frames_pass(struct fixture *f)
{
	uint8_t frame[HEADER_BYTES + FRAME_BYTES] = { 0 }, in[2048];
	int fd = f->nic->joint.fds[0];
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint8_t *ethernet = frame + HEADER_BYTES;

	memset(ethernet, 0xff, 6);
	memcpy(ethernet + 6, "\x02\0\0\0\0\x11\x88\xb5mark", 12);
	assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
	assert_true(shell(
		f,
		"for i in 1 2 3 4 5 6 7 8 9; do "
		"[ \"$(cat /sys/class/net/v1/statistics/rx_packets 2>/dev/null || "
		"ip -s -j link show v1 | sed 's/.*\"rx\":{[^}]*\"packets\":\\([0-9]*\\).*/\\1/')\" "
		"-ge 1 ] && exit 0; sleep 0.1; done; exit 1"));
	assert_true(shell(f, "ip addr add 10.1.0.1/24 dev v1 && ip neigh flush dev v1; "
			     "busybox ping -c 1 -W 1 -I v1 10.1.0.2 >/dev/null 2>&1; true"));
	/* Others may come before it: a veth that comes up joins multicast groups. */
	do {
		assert_true(poll(&poll_fd, 1, 2000) == 1);
		assert_true(read(fd, in, sizeof(in)) >= HEADER_BYTES + 14);
	} while (in[HEADER_BYTES] != 0xff);
	assert_memory_equal(in + HEADER_BYTES, "\xff\xff\xff\xff\xff\xff", 6);
}

static void parts_without_trace(struct fixture *f)
{
	nic_part(f->nic, &f->place);
	assert_true(shell(f, "! ip -o link show | grep ': kl' && "
			     "! tc qdisc show dev v0 | grep ingress && "
			     "ip link show v0 | grep -q 02:00:00:00:00:11 && "
			     "! ip link show v0 | grep master"));
}

static void test_tcfilter_joins_and_parts(void **state)
{
	join(*state, &net_model_tcfilter);
	frames_pass(*state);
	parts_without_trace(*state);
}

static void test_bridge_joins_and_parts(void **state)
{
	join(*state, &net_model_bridge);
	frames_pass(*state);
	parts_without_trace(*state);
}

static void test_a_second_vm_is_refused_the_same_interface(void **state)
{
	struct fixture *f = *state;
	struct nic *second = nic_new(&f->scan->interfaces[0], 1);
	struct err err = ERR_INIT;

	join(f, &net_model_tcfilter);
	assert_int_equal(
		nic_join(second, &f->place, &net_model_tcfilter, &f->scan->interfaces[0], &err),
		-EBUSY);
	assert_non_null(strstr(err_text(&err), "another VM"));
	nic_free(second);
	parts_without_trace(f);
}

static void test_parting_twice_is_fine(void **state)
{
	struct fixture *f = *state;

	join(f, &net_model_tcfilter);
	parts_without_trace(f);
	assert_int_equal(net_model_tcfilter.part(&f->place, &f->nic->joint, NULL), 0);
	assert_true(shell(f, "ip link del v0"));
	assert_int_equal(net_model_tcfilter.part(&f->place, &f->nic->joint, NULL), 0);
}

static void test_a_model_refuses_by_name_what_it_cannot_join(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->nic = nic_new(&f->scan->interfaces[0], 1);
	(void)snprintf(f->scan->interfaces[0].kind, sizeof(f->scan->interfaces[0].kind), "ipvlan");
	assert_int_equal(
		nic_join(f->nic, &f->place, &net_model_macvtap, &f->scan->interfaces[0], &err),
		-EOPNOTSUPP);
	assert_non_null(strstr(err_text(&err), "macvtap cannot join a ipvlan"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tcfilter_joins_and_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bridge_joins_and_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_second_vm_is_refused_the_same_interface,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parting_twice_is_fine, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_model_refuses_by_name_what_it_cannot_join,
						set_up, tear_down),
	};

	if (unshare(CLONE_NEWNET) < 0 || access("/dev/net/tun", R_OK | W_OK) < 0 ||
	    system("command -v ip >/dev/null && command -v tc >/dev/null && "
		   "ip link add v0 type veth peer name v1 && tc qdisc add dev v0 ingress && "
		   "ip link add b0 type bridge") != 0) {
		(void)printf("SKIP: needs root, ip, tc, and a kernel with tap, veth, bridge and "
			     "ingress filters\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
