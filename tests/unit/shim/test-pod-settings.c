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
		cmocka_unit_test(options_that_are_no_message_are_refused_and_foreign_ones_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
