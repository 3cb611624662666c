/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's small parsers: capability names, CPU lists, passwd, sysctl names, /proc and cgroup
 * files. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "agent/container/capabilities.h"
#include "agent/container/limits.h"
#include "agent/container/ps.h"
#include "agent/container/stats.h"
#include "agent/container/sysctl.h"
#include "agent/container/user.h"

static void capabilities_are_known_by_name(void **state)
{
	char *list[] = { (char *)"CAP_CHOWN", (char *)"cap_kill", (char *)"NET_RAW",
			 (char *)"CAP_NONSENSE", NULL };
	const struct oci_strings names = { list, 4 };

	(void)state;
	assert_int_equal(capability_number("CAP_CHOWN"), 0);
	assert_int_equal(capability_number("CAP_SYS_ADMIN"), 21);
	assert_int_equal(capability_number("CAP_CHECKPOINT_RESTORE"), 40);
	assert_int_equal(capability_number("checkpoint_restore"), 40);
	assert_int_equal(capability_number("CAP_"), -EINVAL);
	assert_true(capability_set(&names) == (1u << 0 | 1u << 5 | 1u << 13));
}

static void a_cpu_list_is_ranges_and_numbers(void **state)
{
	cpu_set_t set;

	(void)state;
	assert_int_equal(limits_parse_cpus("0-2,7", &set), 0);
	assert_int_equal(CPU_COUNT(&set), 4);
	assert_true(CPU_ISSET(7, &set) && !CPU_ISSET(3, &set));
	assert_int_equal(limits_parse_cpus("", &set), -EINVAL);
	assert_int_equal(limits_parse_cpus("1,", &set), -EINVAL);
	assert_int_equal(limits_parse_cpus("3-1", &set), -EINVAL);
	assert_int_equal(limits_parse_cpus("a", &set), -EINVAL);
	assert_int_equal(limits_parse_cpus("1024", &set), -ERANGE);
	assert_int_equal(limits_parse_cpus("99999999999999999999", &set), -ERANGE);
}

static void expect_home(const char *passwd, uint32_t uid, const char *home)
{
	char *found = user_home_in(passwd, uid);

	assert_string_equal(found, home);
	free(found);
}

static void a_home_is_found_by_uid(void **state)
{
	const char *passwd = "root:x:0:0:r:/root:/bin/sh\nbad line\nu:x:1000:1000::/home/u:\n"
			     "v:x:10:10::/home/v";

	(void)state;
	expect_home(passwd, 0, "/root");
	expect_home(passwd, 1000, "/home/u");
	expect_home(passwd, 10, "/home/v");
	expect_home(passwd, 100, "/");
	expect_home("", 0, "/");
	expect_home("x:y:0", 0, "/");
	expect_home("x:y:0:0::", 0, "/");
	expect_home(":\n:::::\n", 0, "/");
}

static void ids_are_mapped_by_ranges(void **state)
{
	const struct oci_id_mapping mappings[] = { { 0, 100000, 10 }, { 20, 5, 1 } };
	uint32_t id;

	(void)state;
	assert_int_equal(user_map_id(mappings, 2, 9, &id), 0);
	assert_int_equal(id, 100009);
	assert_int_equal(user_map_id(mappings, 2, 20, &id), 0);
	assert_int_equal(id, 5);
	assert_int_equal(user_map_id(mappings, 2, 10, &id), -ENOENT);
	assert_int_equal(user_map_id(NULL, 0, 77, &id), 0);
	assert_int_equal(id, 77);
}

static void a_kernel_parameter_may_be_spelled_with_dots_or_slashes(void **state)
{
	char path[64];

	(void)state;
	assert_int_equal(sysctl_path("net.ipv4.ip_forward", path, sizeof(path)), 0);
	assert_string_equal(path, "net/ipv4/ip_forward");
	assert_int_equal(sysctl_path("net/ipv4/conf/eth0.1/mtu", path, sizeof(path)), 0);
	assert_string_equal(path, "net/ipv4/conf/eth0.1/mtu");
	assert_int_equal(sysctl_path("net.ipv4.conf.eth0/1.mtu", path, sizeof(path)), 0);
	assert_string_equal(path, "net/ipv4/conf/eth0.1/mtu");
	assert_int_equal(sysctl_path("kernel/../../etc/passwd", path, sizeof(path)), -EINVAL);
	assert_int_equal(sysctl_path("kernel.//.x", path, sizeof(path)), -EINVAL);
	assert_int_equal(sysctl_path("/etc/passwd", path, sizeof(path)), -EINVAL);
	assert_int_equal(sysctl_path("", path, sizeof(path)), -EINVAL);
}

static void a_process_with_a_hostile_name_is_read(void **state)
{
	const char *text =
		"42 (a) R 1 (x) S 7 42 42 34817 42 4194304 1 2 3 4 10 20 0 0 20 0 1 0 555";
	struct ps_entry entry;

	(void)state;
	assert_int_equal(ps_parse_stat(text, &entry), 0);
	assert_int_equal(entry.pid, 42);
	assert_int_equal(entry.ppid, 7);
	assert_int_equal(entry.cpu_ticks, 30);
	assert_int_equal(entry.start_time_ticks, 555);
	assert_string_equal(entry.tty, "pts/1");
	assert_string_equal(entry.command, "[a) R 1 (x]");
	assert_int_equal(ps_parse_stat("42 a S", &entry), -EINVAL);
	assert_int_equal(ps_parse_stat(")(", &entry), -EINVAL);
}

static void lines_of_io_and_network_statistics_are_read(void **state)
{
	struct stats_network net;
	struct stats_io io;

	(void)state;
	assert_int_equal(stats_parse_io("254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0", &io), 0);
	assert_int_equal(io.major, 254);
	assert_int_equal(io.write_bytes, 2);
	assert_int_equal(io.writes, 4);
	assert_int_equal(stats_parse_io("none", &io), -EINVAL);
	assert_int_equal(stats_parse_network("  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0", &net), 0);
	assert_string_equal(net.name, "eth0");
	assert_int_equal(net.rx_dropped, 4);
	assert_int_equal(net.tx_bytes, 5);
	assert_int_equal(stats_parse_network("Inter-|   Receive", &net), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_are_known_by_name),
		cmocka_unit_test(a_cpu_list_is_ranges_and_numbers),
		cmocka_unit_test(a_home_is_found_by_uid),
		cmocka_unit_test(ids_are_mapped_by_ranges),
		cmocka_unit_test(a_kernel_parameter_may_be_spelled_with_dots_or_slashes),
		cmocka_unit_test(a_process_with_a_hostile_name_is_read),
		cmocka_unit_test(lines_of_io_and_network_statistics_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
