/* SPDX-License-Identifier: Apache-2.0 */
/* config.json is read in full, and what is wrong in it is named. */
#include "tests/unit/test.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>

#include "oci/spec.h"

#define TOP	"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"}"
#define PROCESS "\"process\":{\"cwd\":\"/\",\"args\":[\"sh\"]"

static struct oci_spec *parse(const char *text)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	if (oci_spec_parse(text, strlen(text), &spec, &err) < 0)
		fail_msg("%s", err_text(&err));
	return spec;
}

static void expect_error(const char *text, const char *message)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	assert_true(oci_spec_parse(text, strlen(text), &spec, &err) < 0);
	assert_null(spec);
	assert_string_equal(err_text(&err), message);
}

static void the_smallest_config_is_read(void **state)
{
	struct oci_spec *spec = parse(TOP "}");

	(void)state;
	assert_string_equal(spec->root_path, "rootfs");
	assert_null(spec->process);
	assert_int_equal(spec->n_mounts, 0);
	oci_spec_free(spec);
}

static void a_process_is_read_in_full(void **state)
{
	struct oci_spec *spec = parse(
		TOP
		"," PROCESS
		",\"env\":[\"A=b\"],\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
		"\"user\":{\"uid\":1,\"gid\":2,\"umask\":63,\"additionalGids\":[3,4]},"
		"\"capabilities\":{\"bounding\":[\"CAP_KILL\"],\"ambient\":[]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":"
		"18446744073709551615}],"
		"\"noNewPrivileges\":true,\"oomScoreAdj\":-5,"
		"\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":-3,"
		"\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\"]},"
		"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":7},"
		"\"execCPUAffinity\":{\"initial\":\"0\",\"final\":\"0-1\"}}}");
	const struct oci_process *process = spec->process;

	(void)state;
	assert_true(process->terminal);
	assert_int_equal(process->console_width, 80);
	assert_int_equal(process->user.gid, 2);
	assert_int_equal(process->user.umask.value, 63);
	assert_int_equal(process->user.additional_gids[1], 4);
	assert_string_equal(process->capabilities->bounding.list[0], "CAP_KILL");
	assert_null(process->capabilities->bounding.list[1]);
	assert_int_equal(process->rlimits[0].resource, RLIMIT_NOFILE);
	assert_true(process->rlimits[0].hard == UINT64_MAX);
	assert_int_equal(process->oom_score_adj.value, -5);
	assert_int_equal(process->scheduler->policy, SCHED_BATCH);
	assert_int_equal(process->scheduler->flags, 1);
	assert_string_equal(process->cpu_affinity_final, "0-1");
	oci_spec_free(spec);
}

static void linux_is_read_in_full(void **state)
{
	struct oci_spec *spec = parse(
		TOP ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},"
		    "{\"type\":\"network\",\"path\":\"/proc/1/ns/"
		    "net\"},{\"type\":\"ipc\",\"path\":\"\"}],"
		    "\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":5}],"
		    "\"timeOffsets\":{\"boottime\":{\"secs\":-3,\"nanosecs\":4}},"
		    "\"devices\":[{\"path\":\"/dev/x\",\"type\":\"b\",\"major\":8,\"minor\":1,"
		    "\"fileMode\":384,\"uid\":7}],"
		    "\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"},\"rootfsPropagation\":\"rslave\","
		    "\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[\"/b\",\"/c\"],"
		    "\"personality\":{\"domain\":\"LINUX32\"}}}");
	const struct oci_linux *linux_ = &spec->linux_;

	(void)state;
	assert_true(linux_->namespaces[OCI_NAMESPACE_PID].listed);
	assert_null(linux_->namespaces[OCI_NAMESPACE_PID].path);
	assert_string_equal(linux_->namespaces[OCI_NAMESPACE_NETWORK].path, "/proc/1/ns/net");
	assert_true(linux_->namespaces[OCI_NAMESPACE_IPC].listed);
	assert_null(linux_->namespaces[OCI_NAMESPACE_IPC].path);
	assert_false(linux_->namespaces[OCI_NAMESPACE_UTS].listed);
	assert_int_equal(linux_->uid_mappings[0].host_id, 1000);
	assert_int_equal(linux_->boottime.secs, -3);
	assert_false(linux_->monotonic.set);
	assert_int_equal(linux_->devices[0].type, 'b');
	assert_int_equal(linux_->devices[0].mode.value, 0600);
	assert_string_equal(linux_->sysctl.list[0].value, "1");
	assert_int_equal(linux_->readonly_paths.n, 2);
	assert_int_equal(linux_->personality.value, 8);
	oci_spec_free(spec);
}

static void mounts_and_hooks_keep_their_order(void **state)
{
	struct oci_spec *spec =
		parse(TOP ",\"mounts\":[{\"destination\":\"/a\",\"options\":[\"ro\",\"bind\"]},"
			  "{\"destination\":\"/b\",\"type\":\"tmpfs\"}],"
			  "\"hooks\":{\"startContainer\":[{\"path\":\"/"
			  "x\",\"timeout\":3},{\"path\":\"/y\"}]},"
			  "\"annotations\":{\"k\":\"v\"}}");

	(void)state;
	assert_int_equal(spec->n_mounts, 2);
	assert_string_equal(spec->mounts[0].options.list[1], "bind");
	assert_string_equal(spec->mounts[1].type, "tmpfs");
	assert_int_equal(spec->hooks.start_container.list[0].timeout.value, 3);
	assert_string_equal(spec->hooks.start_container.list[1].path, "/y");
	assert_string_equal(oci_spec_annotation(spec, "k"), "v");
	assert_null(oci_spec_annotation(spec, "none"));
	oci_spec_free(spec);
}

static void a_wrong_type_is_named_with_its_place(void **state)
{
	(void)state;
	expect_error(TOP ",\"process\":{\"cwd\":\"/\",\"args\":[\"a\",7]}}",
		     "config.json: process.args[1] must be a string, is a number");
	expect_error(TOP ",\"process\":{\"cwd\":7}}",
		     "config.json: process.cwd must be a string, is a number");
	expect_error(TOP ",\"process\":[]}", "config.json: process must be an object, is an array");
	expect_error(TOP ",\"mounts\":[[]]}",
		     "config.json: mounts[0] must be an object, is an array");
	expect_error(TOP ",\"annotations\":{\"k\":null}}",
		     "config.json: annotations.k must be a string, is null");
	expect_error(
		TOP ",\"linux\":{\"uidMappings\":[{\"containerID\":0.5}]}}",
		"config.json: linux.uidMappings[0].containerID must be an integer, is a number");
	expect_error("[]", "config.json: must be an object, is an array");
}

static void what_is_missing_is_named(void **state)
{
	(void)state;
	expect_error("{}", "config.json: ociVersion is missing");
	expect_error("{\"ociVersion\":\"1.0.2\"}", "config.json: root is missing");
	expect_error(TOP ",\"process\":{\"args\":[\"a\"]}}", "config.json: process.cwd is missing");
	expect_error(TOP ",\"process\":{\"cwd\":\"/\"}}",
		     "config.json: process.args must name a program");
	expect_error(TOP ",\"mounts\":[{\"type\":\"proc\"}]}",
		     "config.json: mounts[0].destination is missing");
	expect_error(TOP ",\"linux\":{\"seccomp\":{}}}",
		     "config.json: linux.seccomp.defaultAction is missing");
}

static void a_value_out_of_range_is_named_with_the_range(void **state)
{
	(void)state;
	expect_error(TOP "," PROCESS ",\"oomScoreAdj\":1001}}",
		     "config.json: process.oomScoreAdj must be from -1000 to 1000, is 1001");
	expect_error(TOP "," PROCESS ",\"user\":{\"uid\":-1}}}",
		     "config.json: process.user.uid must be from 0 to 4294967294, is -1");
	expect_error(TOP "," PROCESS ",\"user\":{\"uid\":4294967295}}}",
		     "config.json: process.user.uid must be from 0 to 4294967294, is 4294967295");
	expect_error(TOP "," PROCESS ",\"user\":{\"gid\":18446744073709551615}}}",
		     "config.json: process.user.gid must be from 0 to 4294967294, is "
		     "18446744073709551615");
	expect_error(TOP ",\"linux\":{\"resources\":{\"memory\":{\"limit\":9223372036854775808}}}}",
		     "config.json: linux.resources.memory.limit must be from -1 to "
		     "9223372036854775807, is 9223372036854775808");
}

static void an_unknown_name_is_answered_with_the_known_ones(void **state)
{
	(void)state;
	expect_error(TOP "," PROCESS ",\"ioPriority\":{\"class\":\"X\"}}}",
		     "config.json: process.ioPriority.class is \"X\", which is not one of "
		     "IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE");
	expect_error(TOP ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
		     "config.json: linux.namespaces lists \"pid\" twice");
	expect_error(TOP ",\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]}}",
		     "config.json: linux.namespaces[0].path must be an absolute path, is \"x\"");
}

static void text_that_is_no_json_is_refused(void **state)
{
	(void)state;
	expect_error("", "config.json: the JSON text ends too early");
	expect_error(TOP, "config.json: the JSON text ends too early");
	expect_error(TOP "} {", "config.json: not valid JSON at byte 48: unexpected character");
}

static void a_nul_character_is_refused_wherever_it_stands(void **state)
{
	struct oci_spec *spec;

	(void)state;
	expect_error(TOP ",\"hostname\":\"a\\u0000b\"}",
		     "config.json: there is a NUL character at byte 60");
	/* It would be io.kata-like.kernel here, and something else to who wrote it. */
	expect_error(TOP ",\"annotations\":{\"io.kata-like.kernel\\u0000x\":\"/k\"}}",
		     "config.json: there is a NUL character at byte 82");
	expect_error(TOP ",\"hostname\":\"a\\\\\\u0000b\"}",
		     "config.json: there is a NUL character at byte 62");
	/* This is a backslash and five letters. */
	spec = parse(TOP ",\"hostname\":\"a\\\\u0000\"}");
	assert_string_equal(spec->hostname, "a\\u0000");
	oci_spec_free(spec);
}

static void a_deep_nest_is_refused_and_not_followed(void **state)
{
	char text[4096];
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, '[', sizeof(text));
	assert_int_equal(oci_spec_parse(text, sizeof(text), &spec, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "nesting"));
}

static void a_text_beyond_the_limit_is_refused_unread(void **state)
{
	struct oci_spec *spec = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_spec_parse("", JSON_MAX_BYTES + 1u, &spec, &err), -EFBIG);
}

static void unknown_properties_are_ignored(void **state)
{
	struct oci_spec *spec = parse(TOP ",\"vm\":{\"x\":1},\"linux\":{\"new\":[]}}");

	(void)state;
	oci_spec_free(spec);
}

static void a_process_may_stand_alone(void **state)
{
	const char *text = "{\"cwd\":\"/tmp\",\"args\":[\"id\"]}";
	const char *bad = "{\"cwd\":\"tmp\",\"args\":[\"id\"]}";
	struct oci_process_doc *doc = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(oci_process_parse(text, strlen(text), &doc, &err), 0);
	assert_string_equal(doc->process.cwd, "/tmp");
	oci_process_free(doc);
	assert_int_equal(oci_process_parse(bad, strlen(bad), &doc, &err), -EINVAL);
	assert_string_equal(err_text(&err), "process: cwd must be an absolute path, is \"tmp\"");
	assert_int_equal(oci_process_parse(NULL, 0, &doc, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_config_is_read),
		cmocka_unit_test(a_process_is_read_in_full),
		cmocka_unit_test(linux_is_read_in_full),
		cmocka_unit_test(mounts_and_hooks_keep_their_order),
		cmocka_unit_test(a_wrong_type_is_named_with_its_place),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_value_out_of_range_is_named_with_the_range),
		cmocka_unit_test(an_unknown_name_is_answered_with_the_known_ones),
		cmocka_unit_test(text_that_is_no_json_is_refused),
		cmocka_unit_test(a_nul_character_is_refused_wherever_it_stands),
		cmocka_unit_test(a_deep_nest_is_refused_and_not_followed),
		cmocka_unit_test(a_text_beyond_the_limit_is_refused_unread),
		cmocka_unit_test(unknown_properties_are_ignored),
		cmocka_unit_test(a_process_may_stand_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
