/* SPDX-License-Identifier: Apache-2.0 */
/* The VMM's command line. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "vmm/file-argument.h"
#include "vmm/options.h"

/* Parses a NULL-terminated list of arguments. */
static int parse(struct options *options, struct err *err, char *const arguments[])
{
	char *argv[32] = { "kata-like-vmm" };
	int argc = 1;

	for (; arguments[argc - 1]; argc++)
		argv[argc] = arguments[argc - 1];
	*err = ERR_INIT;
	return options_parse(argc, argv, options, err);
}

#define PARSE(options, err, ...) parse(options, err, (char *const[]){ __VA_ARGS__, NULL })

static void refuse(char *const arguments[], const char *text)
{
	struct options options;
	struct err err;

	assert_int_equal(parse(&options, &err, arguments), -EINVAL);
	if (!strstr(err_text(&err), text))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&err), text);
	options_fini(&options);
}

#define REFUSE(text, ...) refuse((char *const[]){ __VA_ARGS__, NULL }, text)

static void a_kernel_is_all_that_it_needs(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&options, &err, "--kernel", "vmlinux"), 0);
	assert_int_equal(options.action, OPTIONS_RUN);
	assert_string_equal(options.kernel, "vmlinux");
	assert_string_equal(options.kvm, "/dev/kvm");
	assert_string_equal(options.cmdline, "");
	assert_int_equal(options.cpus, 1);
	assert_int_equal(options.memory_bytes, 256ull << 20);
	assert_null(options.console);
	assert_int_equal(options.n_disks, 0);
	options_fini(&options);
	REFUSE("no kernel is named", "--rng");
}

static void memory_has_units(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "64", 64ull << 20 }, { "64M", 64ull << 20 }, { "4096K", 4ull << 20 },
		{ "5G", 5ull << 30 },  { "5g", 5ull << 30 },
	};
	struct options options;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(
			PARSE(&options, &err, "--kernel", "k", "--memory", (char *)sizes[i].text),
			0);
		assert_int_equal(options.memory_bytes, sizes[i].bytes);
	}
	REFUSE("cannot run without memory", "--kernel", "k", "--memory", "0");
	REFUSE("multiple of 4K", "--kernel", "k", "--memory", "5K");
	REFUSE("--memory -1", "--kernel", "k", "--memory", "-1");
	REFUSE("--memory 1T", "--kernel", "k", "--memory", "1T");
	REFUSE("--memory 1MM", "--kernel", "k", "--memory", "1MM");
	REFUSE("--memory 99999999999G", "--kernel", "k", "--memory", "99999999999G");
	REFUSE("--memory 99999999999999999999", "--kernel", "k", "--memory",
	       "99999999999999999999");
}

static void cpus_are_a_number(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&options, &err, "--kernel", "k", "--cpus", "4"), 0);
	assert_int_equal(options.cpus, 4);
	REFUSE("--cpus 0", "--kernel", "k", "--cpus", "0");
	REFUSE("--cpus two", "--kernel", "k", "--cpus", "two");
	REFUSE("--cpus 1x", "--kernel", "k", "--cpus", "1x");
	REFUSE("--cpus 4294967296", "--kernel", "k", "--cpus", "4294967296");
}

static void disks_come_in_order_with_their_words(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&options, &err, "--kernel", "k", "--disk", "a.img", "--disk",
			       "fd:7,id=root,ro"),
			 0);
	assert_int_equal(options.n_disks, 2);
	assert_string_equal(options.disks[0].file, "a.img");
	assert_string_equal(options.disks[0].id, "");
	assert_false(options.disks[0].read_only);
	assert_string_equal(options.disks[1].file, "fd:7");
	assert_string_equal(options.disks[1].id, "root");
	assert_true(options.disks[1].read_only);
	options_fini(&options);
	REFUSE("\"rw\" is neither", "--kernel", "k", "--disk", "a,rw");
	REFUSE("no file is named", "--kernel", "k", "--disk", ",ro");
}

static void more_disks_than_there_is_room_for_are_refused(void **state)
{
	char *argv[2 * VM_DISKS_MAX + 6] = { "kata-like-vmm", "--kernel", "k" };
	struct err err = ERR_INIT;
	struct options options;
	int argc = 3;

	(void)state;
	for (unsigned i = 0; i <= VM_DISKS_MAX; i++) {
		argv[argc++] = "--disk";
		argv[argc++] = "d";
	}
	assert_int_equal(options_parse(argc, argv, &options, &err), -EINVAL);
	assert_non_null(strstr(err_text(&err), "more than 24 disks"));
	options_fini(&options);
}

static void what_does_not_belong_together_is_refused(void **state)
{
	(void)state;
	REFUSE("--json goes with --check", "--kernel", "k", "--json");
	REFUSE("fd:N", "--kernel", "k", "--vsock", "/some/path");
	REFUSE("fd:N", "--kernel", "k", "--control", "/some/path");
	REFUSE("\"extra\" is no option", "--kernel", "k", "extra");
	REFUSE("no option --nonsense", "--kernel", "k", "--nonsense");
	REFUSE("--kernel needs an argument", "--kernel");
	REFUSE("error, warning, info or debug", "--kernel", "k", "--log-level", "loud");
}

static void file_systems_have_a_socket_and_a_tag(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&options, &err, "--kernel", "k", "--fs", "fd:7,tag=share", "--fs",
			       "fd:8,tag=a,b", "--descriptors", "fd:9"),
			 0);
	assert_int_equal(options.n_fs, 2);
	assert_string_equal(options.fs[0].file, "fd:7");
	assert_string_equal(options.fs[0].tag, "share");
	assert_string_equal(options.fs[1].tag, "a,b");
	assert_string_equal(options.descriptors, "fd:9");
	assert_false(options.shared_memory);
	options_fini(&options);
	REFUSE("give fd:N,tag=TEXT", "--kernel", "k", "--fs", "fd:7");
	REFUSE("give fd:N,tag=TEXT", "--kernel", "k", "--fs", "fd:7,share");
	REFUSE("give fd:N,tag=TEXT", "--kernel", "k", "--fs", "/run/socket,tag=share");
	REFUSE("more than 4 file systems", "--kernel", "k", "--fs", "fd:1,tag=a", "--fs",
	       "fd:1,tag=b", "--fs", "fd:1,tag=c", "--fs", "fd:1,tag=d", "--fs", "fd:1,tag=e");
	REFUSE("inherited socket", "--kernel", "k", "--descriptors", "/run/socket");
}

static void the_check_needs_no_kernel(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_int_equal(PARSE(&options, &err, "--check", "--json"), 0);
	assert_int_equal(options.action, OPTIONS_CHECK);
	assert_true(options.json);
	assert_int_equal(PARSE(&options, &err, "--version"), 0);
	assert_int_equal(options.action, OPTIONS_VERSION);
}

static void an_inherited_descriptor_is_taken_and_not_passed_on(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	struct err err = ERR_INIT;
	char name[16];

	(void)state;
	(void)snprintf(name, sizeof(name), "fd:%d", fd);
	assert_true(file_argument_is_inherited(name));
	assert_int_equal(file_argument_open(name, O_RDWR, "thing", &err), fd);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(file_argument_open(name, 0, "thing", &err), -EBADF);
	assert_non_null(strstr(err_text(&err), "thing fd:"));
	assert_int_equal(file_argument_open("fd:", 0, "thing", &err), -EINVAL);
	assert_int_equal(file_argument_open("fd:1x", 0, "thing", &err), -EINVAL);
	assert_int_equal(file_argument_open("fd:99999999999", 0, "thing", &err), -EINVAL);
	assert_int_equal(file_argument_open("/nonexistent", 0, "thing", &err), -ENOENT);
	assert_non_null(strstr(err_text(&err), "cannot open thing /nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_is_all_that_it_needs),
		cmocka_unit_test(memory_has_units),
		cmocka_unit_test(cpus_are_a_number),
		cmocka_unit_test(disks_come_in_order_with_their_words),
		cmocka_unit_test(more_disks_than_there_is_room_for_are_refused),
		cmocka_unit_test(what_does_not_belong_together_is_refused),
		cmocka_unit_test(file_systems_have_a_socket_and_a_tag),
		cmocka_unit_test(the_check_needs_no_kernel),
		cmocka_unit_test(an_inherited_descriptor_is_taken_and_not_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
