/* SPDX-License-Identifier: Apache-2.0 */
/* The network without privileges: the ports that are published. */
#include "shim/net/user.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void ports_are_read_one_after_another(void **state)
{
	const char *list = "8080:80/tcp,5353:53/udp";
	struct user_port port;

	(void)state;
	assert_true(user_next_port(&list, &port));
	assert_int_equal(port.host, 8080);
	assert_int_equal(port.guest, 80);
	assert_false(port.udp);
	assert_true(user_next_port(&list, &port));
	assert_int_equal(port.host, 5353);
	assert_int_equal(port.guest, 53);
	assert_true(port.udp);
	assert_false(user_next_port(&list, &port));
	list = "8080";
	assert_false(user_next_port(&list, &port));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ports_are_read_one_after_another) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
