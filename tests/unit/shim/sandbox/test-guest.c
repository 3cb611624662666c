/* SPDX-License-Identifier: Apache-2.0 */
/* How settings make a VM. */
#include "shim/sandbox/guest.h"

#include <string.h>

#include "tests/unit/test.h"

static struct settings settings;

/* name, value pairs over files /k and /i. */
static void from(const char *name, const char *value, struct guest *guest)
{
	struct err err = ERR_INIT;
	int r = settings_load(NULL, &settings, &err);

	if (r == 0)
		r = settings_apply_text(&settings, "t", "[vm]\nkernel = /k\ninitrd = /i\n", &err);
	if (r == 0 && name)
		r = settings_apply_option(&settings, name, "o", value, &err);
	if (r == 0)
		r = guest_from_settings(&settings, guest, &err);
	if (r < 0)
		fail_msg("%s", err_text(&err));
}

static void by_default_it_is_small(void **state)
{
	struct guest guest;

	(void)state;
	from(NULL, NULL, &guest);
	assert_int_equal(guest.cpus, 1);
	assert_int_equal(guest.memory_bytes, 128 << 20);
	assert_false(guest.console);
	assert_string_equal(guest.kernel, "/k");
	assert_string_equal(guest.initrd, "/i");
	assert_non_null(strstr(guest.cmdline, "quiet"));
	assert_null(strstr(guest.cmdline, "console="));
	assert_null(strstr(guest.cmdline, "maxcpus"));
}

static void each_setting_is_obeyed(void **state)
{
	struct guest guest;

	(void)state;
	from("vm.memory", "64M", &guest);
	assert_int_equal(guest.memory_bytes, 64 << 20);
	from("vm.cpus", "4", &guest);
	assert_int_equal(guest.cpus, 4);
	assert_non_null(strstr(guest.cmdline, " maxcpus=1"));
	from("vm.console", "true", &guest);
	assert_true(guest.console);
	assert_non_null(strstr(guest.cmdline, " console=ttyS0 8250.nr_uarts=1"));
	/* At the very end, so that it wins. */
	from("vm.cmdline", "debug loglevel=8", &guest);
	assert_string_equal(strstr(guest.cmdline, " debug loglevel=8"), " debug loglevel=8");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_default_it_is_small),
		cmocka_unit_test(each_setting_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
