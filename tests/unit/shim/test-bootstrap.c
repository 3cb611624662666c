/* SPDX-License-Identifier: Apache-2.0 */
/* What containerd says on standard input at `start`. */
#include "shim/bootstrap.h"

#include <stdlib.h>

#include "bootstrap.pb-c.h"
#include "tests/unit/test.h"

static const struct options options = {
	.namespace = "k8s.io",
	.address = "/run/c.sock",
	.publish_binary = "/usr/bin/containerd",
	.id = "box",
	.bundle = "",
};

static size_t pack(const ProtobufCMessage *message, uint8_t *buffer, size_t size)
{
	assert_true(protobuf_c_message_get_packed_size(message) <= size);
	return protobuf_c_message_pack(message, buffer);
}

static void parameters_that_name_us_are_taken(void **state)
{
	KataLike__Bootstrap__BootstrapParams params = KATA_LIKE__BOOTSTRAP__BOOTSTRAP_PARAMS__INIT;
	struct bootstrap b;
	uint8_t data[256];

	(void)state;
	params.instance_id = (char *)"box";
	params.namespace_ = (char *)"k8s.io";
	params.log_level = -4;
	params.containerd_ttrpc_address = (char *)"/run/other.ttrpc";
	params.containerd_grpc_address = (char *)"/run/other.sock";
	assert_int_equal(
		bootstrap_parse(&options, data, pack(&params.base, data, sizeof(data)), &b, NULL),
		0);
	assert_true(b.has_params);
	assert_true(b.debug);
	assert_string_equal(b.ttrpc_address, "/run/other.ttrpc");
	assert_string_equal(b.grpc_address, "/run/other.sock");
	assert_string_equal(b.binary, "/usr/bin/containerd");
	bootstrap_fini(&b);
}

/* An Any's first field is a string as well: its type is no id of ours. */
static void options_are_not_mistaken_for_parameters(void **state)
{
	KataLike__Bootstrap__RuncOptions runc = KATA_LIKE__BOOTSTRAP__RUNC_OPTIONS__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	uint8_t inner[64], data[256];
	struct bootstrap b;

	(void)state;
	setenv("TTRPC_ADDRESS", "/run/c.sock.ttrpc", 1);
	runc.shim_cgroup = (char *)"/shims";
	any.type_url = (char *)"containerd.runc.v1.Options";
	any.value.len = pack(&runc.base, inner, sizeof(inner));
	any.value.data = inner;
	assert_int_equal(
		bootstrap_parse(&options, data, pack(&any.base, data, sizeof(data)), &b, NULL), 0);
	assert_false(b.has_params);
	assert_false(b.debug);
	assert_string_equal(b.ttrpc_address, "/run/c.sock.ttrpc");
	assert_string_equal(b.shim_cgroup, "/shims");
	bootstrap_fini(&b);
}

static void nothing_and_nonsense_mean_the_command_line(void **state)
{
	static const uint8_t nonsense[] = { 0xff, 0xff, 0xff };
	struct bootstrap b;

	(void)state;
	for (size_t len = 0; len <= sizeof(nonsense); len++) {
		assert_int_equal(bootstrap_parse(&options, nonsense, len, &b, NULL), 0);
		assert_false(b.has_params);
		assert_string_equal(b.grpc_address, "/run/c.sock");
		assert_string_equal(b.shim_cgroup, "");
		bootstrap_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_that_name_us_are_taken),
		cmocka_unit_test(options_are_not_mistaken_for_parameters),
		cmocka_unit_test(nothing_and_nonsense_mean_the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
