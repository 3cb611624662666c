/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files, drop-ins, options and annotations: what is in force, and what is refused. */
#include "lib/settings/settings.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/settings/print.h"
#include "tests/unit/test.h"

struct fixture {
	char dir[64], file[128];
	struct settings settings;
};

static int set_up(void **state)
{
	static struct fixture f;
	char path[160];

	(void)snprintf(f.dir, sizeof(f.dir), "/tmp/kata-like-settings-XXXXXX");
	assert_non_null(mkdtemp(f.dir));
	(void)snprintf(f.file, sizeof(f.file), "%s/config.ini", f.dir);
	(void)snprintf(path, sizeof(path), "%s.d", f.file);
	assert_int_equal(mkdir(path, 0755), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	const struct fixture *f = *state;

	return dir_remove(f->dir, NULL);
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s%s", f->file, name);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void load(struct fixture *f)
{
	struct err err = ERR_INIT;

	if (settings_load(f->file, &f->settings, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void expect_where(const struct fixture *f, enum setting_key key, enum setting_source source,
			 const char *end)
{
	const struct setting_value *value = &f->settings.values[key];
	size_t len = strlen(value->where), tail = strlen(end);

	assert_int_equal(value->source, source);
	if (len < tail || strcmp(value->where + len - tail, end) != 0)
		fail_msg("\"%s\" does not end in \"%s\"", value->where, end);
}

static void defaults_hold_without_a_file(void **state)
{
	struct fixture *f = *state;

	unsetenv(SETTINGS_ENVIRONMENT);
	assert_int_equal(access(SETTINGS_FILE, F_OK), -1);
	assert_int_equal(settings_load(NULL, &f->settings, NULL), 0);
	assert_int_equal(settings_number(&f->settings, SETTING_MEMORY), 128 << 20);
	assert_int_equal(settings_number(&f->settings, SETTING_CPUS), 1);
	assert_string_equal(settings_text(&f->settings, SETTING_NETWORK), "tcfilter");
	assert_false(settings_flag(&f->settings, SETTING_DEBUG));
	expect_where(f, SETTING_MEMORY, SETTING_SOURCE_DEFAULT, "");
}

static void a_file_that_the_environment_names_must_be_there(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	setenv(SETTINGS_ENVIRONMENT, f->file, 1);
	assert_int_equal(settings_load(NULL, &f->settings, &err), -ENOENT);
	assert_non_null(strstr(err.text, f->file));
	write_file(f, "", "[vm]\ncpus = 3\n");
	assert_int_equal(settings_load(NULL, &f->settings, &err), 0);
	assert_int_equal(settings_number(&f->settings, SETTING_CPUS), 3);
	unsetenv(SETTINGS_ENVIRONMENT);
}

static void drop_ins_win_in_the_order_of_their_names(void **state)
{
	struct fixture *f = *state;

	write_file(f, "", "# main\n[vm]\ncpus = 2\nmemory = 256M\n");
	write_file(f, ".d/20.ini", "[vm]\n\nmemory=1G\n");
	write_file(f, ".d/10.ini", "[vm]\nmemory=512M\n[log]\ndebug = true\n");
	write_file(f, ".d/30.ini.bak", "[nonsense]\n");
	write_file(f, ".d/.40.ini", "[nonsense]\n");
	load(f);
	assert_int_equal(settings_number(&f->settings, SETTING_MEMORY), 1ull << 30);
	assert_true(settings_flag(&f->settings, SETTING_DEBUG));
	expect_where(f, SETTING_CPUS, SETTING_SOURCE_FILE, "/config.ini:3");
	expect_where(f, SETTING_MEMORY, SETTING_SOURCE_FILE, "/config.ini.d/20.ini:3");
	expect_where(f, SETTING_DEBUG, SETTING_SOURCE_FILE, "/config.ini.d/10.ini:4");
}

static void an_empty_value_brings_the_default_back(void **state)
{
	struct fixture *f = *state;

	write_file(f, "", "[vm]\nmemory = 256M\n");
	write_file(f, ".d/1.ini", "[vm]\nmemory =\n");
	load(f);
	assert_string_equal(settings_text(&f->settings, SETTING_MEMORY), "128M");
	expect_where(f, SETTING_MEMORY, SETTING_SOURCE_DEFAULT, "");
}

static void a_value_goes_on_in_lines_that_begin_with_a_blank(void **state)
{
	struct fixture *f = *state;

	write_file(f, "", "[vm]\ncmdline = a=1\n  b=2 ; comment\n\tc=3\ncpus = 4\n");
	load(f);
	assert_string_equal(settings_text(&f->settings, SETTING_CMDLINE), "a=1 b=2 c=3");
	expect_where(f, SETTING_CMDLINE, SETTING_SOURCE_FILE, "config.ini:2");
	assert_int_equal(settings_number(&f->settings, SETTING_CPUS), 4);
}

static void what_is_wrong_in_a_file_is_named_with_file_line_and_key(void **state)
{
	static const struct {
		const char *text, *place, *cause;
	} bad[] = {
		{ "[vm]\nmemry = 1G\n", "config.ini:2", "has no key \"memry\"; it has kernel" },
		{ "\n[wm]\ncpus = 1\n", "config.ini:2",
		  "no section [wm]; there are [vm], [jail], [network]" },
		{ "[empty]\n", "config.ini:1", "no section [empty]" },
		{ "cpus = 1\n", "config.ini:1", "no section []" },
		{ "[vm]\ncpus\n", "config.ini:2", "neither a [section] nor KEY = VALUE" },
		{ "[vm\ncpus = 1\n", "config.ini:1", "no [section]" },
		{ "[vm]\ncpus = 1\n# x\ncpus = 2\n", "config.ini:4", "in line 2" },
		{ "[vm]\ncpus = two\n", "config.ini:2: [vm] cpus", "a number from 1 to 255" },
		{ "[vm]\ncpu_model = i486\n", "config.ini:2: [vm] cpu_model",
		  "neither host nor baseline" },
		{ "[jail]\nfirst_user = 0\n", "config.ini:2: [jail] first_user",
		  "no number from 1 to" },
		{ "[vm]\ncpus = 256\n", "config.ini:2: [vm] cpus", "a number from 1 to 255" },
		{ "[vm]\n\nmemory = much\n", "config.ini:3: [vm] memory", "such as 128M or 2G" },
		{ "[vm]\nmemory = 31M\n", "config.ini:2: [vm] memory", "32M or more" },
		{ "[vm]\nmemory = 900T\n", "config.ini:2: [vm] memory", "than the host has" },
		{ "[vm]\nmemory = 33554433\n", "config.ini:2: [vm] memory", "a multiple of 1M" },
		{ "[vm]\nkernel = vmlinux\n", "config.ini:2: [vm] kernel", "not an absolute path" },
		{ "[vm]\nconsole = yes\n", "config.ini:2: [vm] console", "neither true nor false" },
		{ "[network]\nmodel = magic\n", "config.ini:2: [network] model",
		  "none of tcfilter, macvtap, bridge, none" },
		{ "[annotations]\nallow = cpus colour\n", "config.ini:2: [annotations] allow",
		  "\"colour\" is not known; there are kernel" },
		/* A value at the end, which nothing follows. */
		{ "[vm]\ncpus = 2\n[log]\ndebug = 1", "config.ini:4: [log] debug", "neither" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		write_file(f, "", bad[i].text);
		assert_int_equal(settings_load(f->file, &f->settings, &err), -EINVAL);
		if (!strstr(err.text, bad[i].place) || !strstr(err.text, bad[i].cause))
			fail_msg("%s gives \"%s\"", bad[i].text, err.text);
	}
}

static void a_long_line_is_refused_and_never_cut(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char text[400];

	(void)snprintf(text, sizeof(text), "[vm]\ncmdline = %0300d\n", 7);
	write_file(f, "", text);
	assert_int_equal(settings_load(f->file, &f->settings, &err), -EINVAL);
	assert_non_null(strstr(err.text, "config.ini:2: the line is longer than"));
}

static void a_file_that_anybody_may_write_to_is_refused(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "", "[vm]\n");
	assert_int_equal(chmod(f->file, 0646), 0);
	assert_int_equal(settings_load(f->file, &f->settings, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod o-w"));
}

static void a_fifo_is_refused_and_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(mkfifo(f->file, 0600), 0);
	assert_int_equal(settings_load(f->file, &f->settings, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
}

static void options_win_over_files_and_annotations_over_both(void **state)
{
	struct fixture *f = *state;

	write_file(f, "", "[vm]\ncpus = 2\nmemory = 256M\ncmdline = file\n");
	load(f);
	assert_int_equal(settings_apply_option(&f->settings, "vm.cpus", "--cpus", "3", NULL), 0);
	assert_int_equal(
		settings_apply_option(&f->settings, "vm.cmdline", "--cmdline", "opt", NULL), 0);
	assert_int_equal(
		settings_apply_annotation(&f->settings, "io.kata-like.memory", "512M", NULL), 0);
	assert_int_equal(
		settings_apply_annotation(&f->settings, "io.kata-like.cmdline", "note", NULL), 0);
	assert_int_equal(settings_apply_annotation(&f->settings, "org.other.memory", "x", NULL), 0);
	assert_int_equal(settings_number(&f->settings, SETTING_CPUS), 3);
	assert_int_equal(settings_number(&f->settings, SETTING_MEMORY), 512 << 20);
	/* Added to, as the last one wins in the kernel. */
	assert_string_equal(settings_text(&f->settings, SETTING_CMDLINE), "file opt note");
	expect_where(f, SETTING_CPUS, SETTING_SOURCE_OPTION, "--cpus");
	expect_where(f, SETTING_MEMORY, SETTING_SOURCE_ANNOTATION, "io.kata-like.memory");
	expect_where(f, SETTING_CMDLINE, SETTING_SOURCE_ANNOTATION,
		     "config.ini:4, --cmdline, io.kata-like.cmdline");
}

static void annotations_set_what_the_file_allows_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "", "[annotations]\nallow = cpus, network\n");
	load(f);
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.cpus", "2", NULL),
			 0);
	assert_int_equal(
		settings_apply_annotation(&f->settings, "io.kata-like.network", "none", NULL), 0);
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.memory", "1G", &err),
			 -EACCES);
	assert_non_null(strstr(err.text, "io.kata-like.memory"));
	assert_non_null(strstr(err.text, "config.ini:2"));
	err = ERR_INIT;
	assert_int_equal(
		settings_apply_annotation(&f->settings, "io.kata-like.file_server", "/x", &err),
		-EINVAL);
	assert_non_null(strstr(err.text, "is not known"));
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.cpus", "0", NULL),
			 -EINVAL);
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.cpus", "", NULL),
			 -EINVAL);
}

static void all_and_none_are_whole_answers(void **state)
{
	struct fixture *f = *state;

	write_file(f, "", "[annotations]\nallow = none\n");
	load(f);
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.cpus", "2", NULL),
			 -EACCES);
	write_file(f, "", "[annotations]\nallow = all\n");
	load(f);
	assert_int_equal(settings_apply_annotation(&f->settings, "io.kata-like.kernel", "/k", NULL),
			 0);
}

static void a_text_is_read_like_a_file(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "", "[vm]\ncpus = 2\n");
	load(f);
	assert_int_equal(settings_apply_text(&f->settings, "body", "[vm]\ncpus = 5", &err), 0);
	assert_int_equal(settings_number(&f->settings, SETTING_CPUS), 5);
	assert_int_equal(settings_apply_text(&f->settings, "body", "[vm]\ncpu = 5", &err), -EINVAL);
	assert_non_null(strstr(err.text, "body:2"));
}

static void what_is_printed_can_be_read_again(void **state)
{
	struct fixture *f = *state;
	struct json_object *json;
	char *text = NULL;
	size_t len;
	FILE *out;

	write_file(f, "", "[vm]\ncmdline = a b\nmemory = 1G\n[annotations]\nallow = all\n");
	load(f);
	json = settings_to_json(&f->settings);
	assert_non_null(json);
	out = open_memstream(&text, &len);
	settings_print(out, json);
	(void)fclose(out);
	assert_non_null(strstr(text, "; file /tmp/kata-like-settings-"));
	assert_non_null(strstr(text, "cpus = 1                                ; default\n"));
	write_file(f, "", text);
	load(f);
	assert_int_equal(settings_number(&f->settings, SETTING_MEMORY), 1ull << 30);
	assert_string_equal(settings_text(&f->settings, SETTING_CMDLINE), "a b");
	json_object_put(json);
	free(text);
}

static void sizes_are_powers_of_1024(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_int_equal(settings_parse_size("1", &bytes), 0);
	assert_int_equal(bytes, 1);
	assert_int_equal(settings_parse_size("3k", &bytes), 0);
	assert_int_equal(bytes, 3072);
	assert_int_equal(settings_parse_size("2G", &bytes), 0);
	assert_int_equal(bytes, 2ull << 30);
	assert_int_equal(settings_parse_size("", &bytes), -EINVAL);
	assert_int_equal(settings_parse_size("-1M", &bytes), -EINVAL);
	assert_int_equal(settings_parse_size("1MB", &bytes), -EINVAL);
	assert_int_equal(settings_parse_size("1X", &bytes), -EINVAL);
	assert_int_equal(settings_parse_size("99999999T", &bytes), -ERANGE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(defaults_hold_without_a_file),
		TEST(a_file_that_the_environment_names_must_be_there),
		TEST(drop_ins_win_in_the_order_of_their_names),
		TEST(an_empty_value_brings_the_default_back),
		TEST(a_value_goes_on_in_lines_that_begin_with_a_blank),
		TEST(what_is_wrong_in_a_file_is_named_with_file_line_and_key),
		TEST(a_long_line_is_refused_and_never_cut),
		TEST(a_file_that_anybody_may_write_to_is_refused),
		TEST(a_fifo_is_refused_and_not_waited_for),
		TEST(options_win_over_files_and_annotations_over_both),
		TEST(annotations_set_what_the_file_allows_and_nothing_else),
		TEST(all_and_none_are_whole_answers),
		TEST(a_text_is_read_like_a_file),
		TEST(what_is_printed_can_be_read_again),
		TEST(sizes_are_powers_of_1024),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
