/* SPDX-License-Identifier: Apache-2.0 */
/* How annotations make a VM. */
#include "shim/sandbox/guest.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define FILES "\"io.kata-like.kernel\":\"/k\",\"io.kata-like.initrd\":\"/i\""

static int from(const char *annotations, struct guest *guest, struct err *err)
{
	struct oci_spec *spec;
	char json[4096];
	int r;

	*err = ERR_INIT;
	(void)snprintf(json, sizeof(json),
		       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"annotations\":{" FILES
		       "%s%s}}",
		       *annotations ? "," : "", annotations);
	r = oci_spec_parse(json, strlen(json), &spec, err);
	if (r < 0)
		fail_msg("%s", err_text(err));
	r = guest_from_spec(spec, guest, err);
	oci_spec_free(spec);
	return r;
}

static void without_annotations_it_is_small(void **state)
{
	struct guest guest;
	struct err err;

	(void)state;
	assert_int_equal(from("\"org.other\":\"x\"", &guest, &err), 0);
	assert_int_equal(guest.cpus, 1);
	assert_int_equal(guest.memory_bytes, 128 << 20);
	assert_false(guest.console);
	assert_string_equal(guest.kernel, "/k");
	assert_string_equal(guest.initrd, "/i");
	assert_non_null(strstr(guest.cmdline, "quiet"));
	assert_null(strstr(guest.cmdline, "console="));
	assert_null(strstr(guest.cmdline, "maxcpus"));
}

static void each_key_is_obeyed(void **state)
{
	struct guest guest;
	struct err err;

	(void)state;
	assert_int_equal(from("\"io.kata-like.cpus\":\"4\",\"io.kata-like.memory\":\"64M\","
			      "\"io.kata-like.console\":\"true\","
			      "\"io.kata-like.cmdline\":\"debug loglevel=8\"",
			      &guest, &err),
			 0);
	assert_int_equal(guest.cpus, 4);
	assert_int_equal(guest.memory_bytes, 64 << 20);
	assert_true(guest.console);
	assert_non_null(strstr(guest.cmdline, " maxcpus=1"));
	assert_non_null(strstr(guest.cmdline, " console=ttyS0 8250.nr_uarts=1"));
	/* At the very end, so that it wins. */
	assert_string_equal(strstr(guest.cmdline, " debug loglevel=8"), " debug loglevel=8");
}

static void a_bad_value_is_named_with_its_key(void **state)
{
	static const struct {
		const char *annotations, *key, *cause;
	} bad[] = {
		{ "\"io.kata-like.cpus\":\"0\"", "io.kata-like.cpus", "from 1" },
		{ "\"io.kata-like.cpus\":\"two\"", "io.kata-like.cpus", "two" },
		{ "\"io.kata-like.cpus\":\"1x\"", "io.kata-like.cpus", "1x" },
		{ "\"io.kata-like.cpus\":\"4096\"", "io.kata-like.cpus", "4096" },
		{ "\"io.kata-like.memory\":\"0\"", "io.kata-like.memory", "too little" },
		{ "\"io.kata-like.memory\":\"much\"", "io.kata-like.memory", "much" },
		{ "\"io.kata-like.memory\":\"100000T\"", "io.kata-like.memory", "than the host" },
		{ "\"io.kata-like.memory\":\"99999999999999999999\"", "io.kata-like.memory",
		  "size" },
		{ "\"io.kata-like.memory\":\"33554433\"", "io.kata-like.memory", "multiple" },
		{ "\"io.kata-like.console\":\"yes\"", "io.kata-like.console", "yes" },
		{ "\"io.kata-like.kernel\":\"vmlinux\"", "io.kata-like.kernel", "absolute" },
		{ "\"io.kata-like.cmdline\":\"a\\nb\"", "io.kata-like.cmdline", "control" },
		{ "\"io.kata-like.colour\":\"red\"", "io.kata-like.colour", "not known" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct guest guest;
		struct err err;

		assert_int_equal(from(bad[i].annotations, &guest, &err), -EINVAL);
		if (!strstr(err.text, bad[i].key) || !strstr(err.text, bad[i].cause))
			fail_msg("%s gives \"%s\"", bad[i].annotations, err.text);
	}
}

static void sizes_are_powers_of_1024(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_int_equal(guest_parse_size("1", &bytes), 0);
	assert_int_equal(bytes, 1);
	assert_int_equal(guest_parse_size("3k", &bytes), 0);
	assert_int_equal(bytes, 3072);
	assert_int_equal(guest_parse_size("2G", &bytes), 0);
	assert_int_equal(bytes, 2ull << 30);
	assert_int_equal(guest_parse_size("", &bytes), -EINVAL);
	assert_int_equal(guest_parse_size("-1M", &bytes), -EINVAL);
	assert_int_equal(guest_parse_size("1MB", &bytes), -EINVAL);
	assert_int_equal(guest_parse_size("1X", &bytes), -EINVAL);
	assert_int_equal(guest_parse_size("99999999T", &bytes), -ERANGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_annotations_it_is_small),
		cmocka_unit_test(each_key_is_obeyed),
		cmocka_unit_test(a_bad_value_is_named_with_its_key),
		cmocka_unit_test(sizes_are_powers_of_1024),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
