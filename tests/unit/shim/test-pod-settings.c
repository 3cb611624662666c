/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's configuration by the options of Create, containerd's and our own, and annotations. */
#include "shim/pod-settings.h"

#include <errno.h>
#include <string.h>

#include "lib/fd.h"
#include "proto/task-api.h"
#include "runtime.pb-c.h"
#include "tests/unit/test.h"

static const char spec_text[] =
	"{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},\"annotations\":{"
	"\"io.kata-like.memory\":\"512M\"}}";

static int make(KataLike__Any *any, struct settings *settings, struct err *err)
{
	struct oci_spec *spec;
	int r;

	*err = ERR_INIT;
	assert_int_equal(oci_spec_parse(spec_text, strlen(spec_text), &spec, err), 0);
	r = pod_settings_make(any, spec, settings, err);
	oci_spec_free(spec);
	return r;
}

static void without_options_the_file_and_annotations_count(void **state)
{
	static struct settings settings;
	struct err err;

	(void)state;
	assert_int_equal(make(NULL, &settings, &err), 0);
	assert_int_equal(settings_number(&settings, SETTING_MEMORY), 512 << 20);
	assert_int_equal(settings_number(&settings, SETTING_CPUS), 1);
}

static void containerds_options_name_a_file_or_bring_a_text(void **state)
{
	static struct settings settings;
	KataLike__Runtime__RuntimeOptions options = KATA_LIKE__RUNTIME__RUNTIME_OPTIONS__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	uint8_t bytes[512];
	char path[] = "/tmp/kata-like-pod-settings-XXXXXX";
	static char body[] = "[vm]\ncpus = 7\n";
	int fd = mkstemp(path);
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, "[vm]\ncpus = 6\n", 14), 0);
	(void)close(fd);
	any.type_url = (char *)(uintptr_t)TASK_TYPE_RUNTIME_OPTIONS;
	options.config_path = path;
	any.value.data = bytes;
	any.value.len = kata_like__runtime__runtime_options__pack(&options, bytes);
	assert_int_equal(make(&any, &settings, &err), 0);
	assert_int_equal(settings_number(&settings, SETTING_CPUS), 6);
	options.config_body = (ProtobufCBinaryData){ sizeof(body) - 1, (uint8_t *)body };
	any.value.len = kata_like__runtime__runtime_options__pack(&options, bytes);
	assert_int_equal(make(&any, &settings, &err), 0);
	assert_int_equal(settings_number(&settings, SETTING_CPUS), 7);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(make(&any, &settings, &err), -ENOENT);
	assert_non_null(strstr(err.text, "ConfigPath"));
}

static void our_options_come_below_annotations(void **state)
{
	static struct settings settings;
	KataLike__Runtime__Options options = KATA_LIKE__RUNTIME__OPTIONS__INIT;
	KataLike__Runtime__Setting cpus = KATA_LIKE__RUNTIME__SETTING__INIT;
	KataLike__Runtime__Setting *list[] = { &cpus };
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	uint8_t bytes[512];
	struct err err;

	(void)state;
	cpus.name = (char *)(uintptr_t) "vm.cpus";
	cpus.value = (char *)(uintptr_t) "2";
	cpus.where = (char *)(uintptr_t) "--cpus";
	options.settings = list;
	options.n_settings = 1;
	any.type_url = (char *)(uintptr_t) "type.googleapis.com/" TASK_TYPE_OPTIONS;
	any.value.data = bytes;
	any.value.len = kata_like__runtime__options__pack(&options, bytes);
	assert_int_equal(make(&any, &settings, &err), 0);
	assert_int_equal(settings_number(&settings, SETTING_CPUS), 2);
	assert_string_equal(settings.values[SETTING_CPUS].where, "--cpus");
	cpus.value = (char *)(uintptr_t) "none";
	any.value.len = kata_like__runtime__options__pack(&options, bytes);
	assert_int_equal(make(&any, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.text, "--cpus: "));
}

/* What a pod with these annotations, a JSON object, gets by a configuration of this text. */
static int annotate(const char *configuration, const char *annotations, struct settings *settings,
		    struct err *err)
{
	KataLike__Runtime__RuntimeOptions options = KATA_LIKE__RUNTIME__RUNTIME_OPTIONS__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	_cleanup_free_ char *text = NULL;
	uint8_t bytes[512];
	int r;

	*err = ERR_INIT;
	options.config_body.data = (uint8_t *)(uintptr_t)configuration;
	options.config_body.len = strlen(configuration);
	any.type_url = (char *)(uintptr_t)TASK_TYPE_RUNTIME_OPTIONS;
	any.value.data = bytes;
	any.value.len = kata_like__runtime__runtime_options__pack(&options, bytes);
	assert_true(asprintf(&text,
			     "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},"
			     "\"annotations\":%s}",
			     annotations) > 0);
	r = oci_spec_parse(text, strlen(text), &spec, err);
	return r < 0 ? r : pod_settings_make(&any, spec, settings, err);
}

#define DEFAULTS  ""
#define ALLOW_ALL "[annotations]\nallow = all\n"

static void expect_refused(const char *configuration, const char *key, const char *value, int code)
{
	static struct settings settings;
	_cleanup_free_ char *annotations = NULL;
	struct err err;
	int r;

	assert_true(asprintf(&annotations, "{\"io.kata-like.%s\":\"%s\"}", key, value) > 0);
	r = annotate(configuration, annotations, &settings, &err);
	if (r != code)
		fail_msg("%.200s: %d, %s", annotations, r, err_text(&err));
	/* Whose it is, and never a host's file or more of it than fits a line. */
	if (!strstr(err.text, "annotation io.kata-like."))
		fail_msg("%.200s: %s", annotations, err_text(&err));
}

static void annotations_are_numbers_and_texts_of_their_kind_or_refused(void **state)
{
	static const struct {
		const char *key, *value;
	} hostile[] = {
		{ "memory", "0" },
		{ "memory", "-1" },
		{ "memory", "-128M" },
		{ "memory", "31M" },
		{ "memory", "33554433" },
		{ "memory", "16777216T" },
		{ "memory", "18446744073709551615" },
		{ "memory", "18446744073709551616" },
		{ "memory", "99999999999999999999999999G" },
		{ "memory", "0x10000000" },
		{ "memory", "1e9" },
		{ "memory", " 512M" },
		{ "memory", "512M " },
		{ "memory", "512M\\n" },
		{ "memory", "512MM" },
		{ "memory", "" },
		{ "cpus", "0" },
		{ "cpus", "-1" },
		{ "cpus", "256" },
		{ "cpus", "4294967297" },
		{ "cpus", "18446744073709551617" },
		{ "cpus", "1.5" },
		{ "cpus", "+1" },
		{ "cpus", " 1" },
		{ "cpus", "1\\n" },
		{ "cpus", "1\\ncpus = 9" },
		{ "cpus", "" },
		{ "cmdline", "" },
		{ "cmdline", "quiet\\nconsole=ttyS0" },
		{ "cmdline", "\\u001b[2J" },
		{ "cmdline", "a\\u007f" },
		{ "kernel", "" },
		{ "kernel", "vmlinux" },
		{ "kernel", "../../etc/shadow" },
		{ "kernel", "/boot/vmlinuz\\n[annotations]" },
		{ "initrd", "/boot/\\u001b[2J" },
		{ "network", "host" },
		{ "network", "none,bridge" },
		{ "network", "none\\n" },
		{ "cpu_model", "host,+vmx" },
		{ "console", "1" },
		{ "console", "TRUE" },
		{ "shared-memory", "true " },
		{ "template", "yes" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		expect_refused(ALLOW_ALL, hostile[i].key, hostile[i].value, -EINVAL);
}

static void annotations_set_nothing_of_the_hosts_unless_they_are_let(void **state)
{
	static const struct {
		const char *key, *value;
	} theirs[] = {
		{ "kernel", "/etc/shadow" }, { "initrd", "/proc/1/root/etc/shadow" },
		{ "console", "true" },	     { "cpu_model", "host" },
		{ "network", "none" },	     { "shared-memory", "true" },
		{ "template", "false" },
	};
	/* Whatever the configuration says. */
	static const char *const nobodys[] = {
		"timeout",     "first_user",  "users",	   "user",	  "publish",
		"file_server", "debug",	      "allow",	   "annotations", "annotations.allow",
		"vm.kernel",   "KERNEL",      "Memory",	   "memory ",	  " memory",
		"memory\\n",   "cpus,kernel", "../kernel", "kernel/",	  ""
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		expect_refused(DEFAULTS, theirs[i].key, theirs[i].value, -EACCES);
	for (size_t i = 0; i < ARRAY_SIZE(nobodys); i++) {
		expect_refused(DEFAULTS, nobodys[i], "true", -EINVAL);
		expect_refused(ALLOW_ALL, nobodys[i], "true", -EINVAL);
	}
}

static void annotations_without_end_are_refused_and_foreign_ones_ignored(void **state)
{
	static const char *const keys[] = { "memory", "cpus", "cmdline", "kernel", "network" };
	static struct settings settings;
	_cleanup_free_ char *value = malloc((1 << 20) + 1), *foreign = NULL;
	struct err err;

	(void)state;
	assert_non_null(value);
	value[1 << 20] = '\0';
	/* Digits, too: a number may be as long as that. */
	for (const char *filling = "a0/"; *filling; filling++) {
		memset(value, *filling, 1 << 20);
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			expect_refused(ALLOW_ALL, keys[i], value, -EINVAL);
		/* As a key. */
		expect_refused(ALLOW_ALL, value, "true", -EINVAL);
	}
	assert_true(asprintf(&foreign,
			     "{\"org.example/%s\":\"%s\",\"io.kata-like\":\"x\","
			     "\"xio.kata-like.kernel\":\"/k\"}",
			     value, value) > 0);
	assert_int_equal(annotate(DEFAULTS, foreign, &settings, &err), 0);
	assert_string_equal(settings_text(&settings, SETTING_KERNEL), "");
}

static void of_two_annotations_of_one_name_the_last_counts_and_is_looked_at(void **state)
{
	static struct settings settings;
	struct err err;

	(void)state;
	assert_int_equal(annotate(DEFAULTS,
				  "{\"io.kata-like.cpus\":\"2\",\"io.kata-like.cpus\":\"3\"}",
				  &settings, &err),
			 0);
	assert_int_equal(settings_number(&settings, SETTING_CPUS), 3);
	assert_int_equal(annotate(DEFAULTS,
				  "{\"io.kata-like.cpus\":\"2\",\"io.kata-like.cpus\":\"999\"}",
				  &settings, &err),
			 -EINVAL);
	/* The same name in other letters is the same. */
	assert_int_equal(
		annotate(DEFAULTS, "{\"io.kata-like.\\u006bernel\":\"/k\"}", &settings, &err),
		-EACCES);
}

static void annotations_of_other_types_are_refused(void **state)
{
	static const char *const annotations[] = { "[]",
						   "\"x\"",
						   "7",
						   "true",
						   "{\"io.kata-like.cpus\":2}",
						   "{\"io.kata-like.cpus\":null}",
						   "{\"io.kata-like.cpus\":[\"2\"]}",
						   "{\"io.kata-like.cpus\":{\"a\":\"2\"}}",
						   "{\"io.kata-like.console\":true}",
						   "{\"a\":1e999}",
						   "{\"io.kata-like.kernel\\u0000\":\"/k\"}",
						   "{\"io.kata-like.cmdline\":\"a\\u0000b\"}" };
	static struct settings settings;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(annotations); i++) {
		if (annotate(ALLOW_ALL, annotations[i], &settings, &err) != -EINVAL)
			fail_msg("%s: %s", annotations[i], err_text(&err));
		assert_non_null(strstr(err.text, "config.json"));
	}
}

static void options_that_are_no_message_are_refused_and_foreign_ones_ignored(void **state)
{
	static struct settings settings;
	uint8_t bytes[] = { 0xff, 0xff, 0xff };
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	struct err err;

	(void)state;
	any.value = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	any.type_url = (char *)(uintptr_t)TASK_TYPE_RUNTIME_OPTIONS;
	assert_int_equal(make(&any, &settings, &err), -EINVAL);
	any.type_url = (char *)(uintptr_t)TASK_TYPE_OPTIONS;
	assert_int_equal(make(&any, &settings, &err), -EINVAL);
	any.type_url = (char *)(uintptr_t) "containerd.runc.v1.Options";
	assert_int_equal(make(&any, &settings, &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_options_the_file_and_annotations_count),
		cmocka_unit_test(containerds_options_name_a_file_or_bring_a_text),
		cmocka_unit_test(our_options_come_below_annotations),
		cmocka_unit_test(annotations_are_numbers_and_texts_of_their_kind_or_refused),
		cmocka_unit_test(annotations_set_nothing_of_the_hosts_unless_they_are_let),
		cmocka_unit_test(annotations_without_end_are_refused_and_foreign_ones_ignored),
		cmocka_unit_test(of_two_annotations_of_one_name_the_last_counts_and_is_looked_at),
		cmocka_unit_test(annotations_of_other_types_are_refused),
		cmocka_unit_test(options_that_are_no_message_are_refused_and_foreign_ones_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
