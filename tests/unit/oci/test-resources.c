/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources and linux.seccomp are read in full, and what is wrong in them is named. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "oci/spec.h"

static struct oci_resources_doc *parse(const char *text)
{
	struct oci_resources_doc *doc = NULL;
	struct err err = ERR_INIT;

	if (oci_resources_parse(text, strlen(text), &doc, &err) < 0)
		fail_msg("%s", err_text(&err));
	return doc;
}

static void expect_error(const char *text, const char *message)
{
	struct oci_resources_doc *doc = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(oci_resources_parse(text, strlen(text), &doc, &err), -EINVAL);
	assert_string_equal(err_text(&err), message);
}

static void every_controller_is_read(void **state)
{
	struct oci_resources_doc *doc = parse(
		"{\"memory\":{\"limit\":-1,\"swap\":5,\"swappiness\":60},"
		"\"cpu\":{\"shares\":2,\"quota\":-1,\"period\":3,\"burst\":4,\"idle\":1,\"cpus\":"
		"\"0-1\","
		"\"mems\":\"0\"},\"pids\":{\"limit\":-1},"
		"\"blockIO\":{\"weight\":10,\"weightDevice\":[{\"major\":8,\"minor\":0,\"weight\":"
		"20}],"
		"\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":1,\"rate\":9}]},"
		"\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":7}],"
		"\"rdma\":{\"mlx\":{\"hcaHandles\":3}},\"unified\":{\"memory.high\":\"max\"}}");
	const struct oci_resources *resources = &doc->resources;

	(void)state;
	assert_int_equal(resources->memory->limit.value, -1);
	assert_false(resources->memory->reservation.set);
	assert_int_equal(resources->cpu->quota.value, -1);
	assert_string_equal(resources->cpu->cpus, "0-1");
	assert_true(resources->pids_limit.set);
	assert_int_equal(resources->block_io->weight_devices[0].weight.value, 20);
	assert_int_equal(resources->block_io->read_bps.list[0].rate, 9);
	assert_string_equal(resources->hugepage_limits[0].page_size, "2MB");
	assert_string_equal(resources->rdma[0].device, "mlx");
	assert_int_equal(resources->rdma[0].hca_handles.value, 3);
	assert_string_equal(resources->unified.list[0].key, "memory.high");
	oci_resources_free(doc);
}

static void a_device_rule_without_numbers_is_for_all(void **state)
{
	struct oci_resources_doc *doc =
		parse("{\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":1,"
		      "\"access\":\"rm\"}]}");
	const struct oci_device_rule *rules = doc->resources.devices;

	(void)state;
	assert_int_equal(rules[0].type, 'a');
	assert_int_equal(rules[0].major, -1);
	assert_true(rules[0].read && rules[0].write && rules[0].mknod);
	assert_int_equal(rules[1].major, 1);
	assert_int_equal(rules[1].minor, -1);
	assert_true(rules[1].read && !rules[1].write && rules[1].mknod);
	oci_resources_free(doc);
}

static void bad_resources_are_named(void **state)
{
	(void)state;
	expect_error("{\"devices\":[{}]}", "resources: devices[0].allow is missing");
	expect_error("{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}",
		     "resources: devices[0].access is \"rx\", must be made of r, w and m");
	expect_error("{\"pids\":{}}", "resources: pids.limit is missing");
	expect_error("{\"unified\":{\"../x\":\"1\"}}",
		     "resources: unified has \"../x\", which is no file of a cgroup");
	expect_error(
		"{\"hugepageLimits\":[{\"pageSize\":\"../\",\"limit\":1}]}",
		"resources: hugepageLimits[0].pageSize is \"../\", must be a size such as 2MB");
	expect_error("{\"rdma\":{\"x\":5}}", "resources: rdma.x must be an object, is a number");
}

static void a_seccomp_filter_is_read_in_full(void **state)
{
	const char *text =
		"{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"/\"},\"linux\":{\"seccomp\":{"
		"\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
		"\"architectures\":[\"SCMP_ARCH_X86_64\"],\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],"
		"\"syscalls\":[{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":["
		"{\"index\":0,\"value\":2114060288,\"valueTwo\":1,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]"
		"}}}";
	struct oci_spec *spec = NULL;
	const struct oci_seccomp *seccomp;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_spec_parse(text, strlen(text), &spec, &err), 0);
	seccomp = spec->linux_.seccomp;
	assert_int_equal(seccomp->default_action, OCI_SECCOMP_ERRNO);
	assert_int_equal(seccomp->default_errno_ret.value, 38);
	assert_true(seccomp->flag_log);
	assert_false(seccomp->flag_tsync);
	assert_string_equal(seccomp->rules[0].names.list[0], "clone");
	assert_int_equal(seccomp->rules[0].args[0].op, OCI_SECCOMP_MASKED_EQ);
	assert_true(seccomp->rules[0].args[0].value == 2114060288u);
	oci_spec_free(spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_controller_is_read),
		cmocka_unit_test(a_device_rule_without_numbers_is_for_all),
		cmocka_unit_test(bad_resources_are_named),
		cmocka_unit_test(a_seccomp_filter_is_read_in_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
