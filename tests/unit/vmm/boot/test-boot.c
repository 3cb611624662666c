/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in guest memory before the first instruction. */
#include "tests/unit/test.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/vmm/boot/kernel-files.h"
#include "vmm/boot/boot.h"
#include "vmm/boot/cmdline.h"
#include "vmm/boot/x86/layout.h"

#define MEMORY_BYTES (32ull << 20)

struct fixture {
	struct guestmem mem;
	struct boot_config config;
	struct boot_entry entry;
	struct err err;
};

static void start(struct fixture *f, uint64_t memory_bytes, const void *kernel, size_t kernel_bytes)
{
	*f = (struct fixture){ 0 };
	assert_int_equal(
		guestmem_init(&f->mem, memory_bytes, LAYOUT_HOLE_START, LAYOUT_HOLE_END, &f->err),
		0);
	f->config = (struct boot_config){ .kernel_fd = file_with(kernel, kernel_bytes),
					  .kernel_name = "test-kernel",
					  .initrd_fd = -1,
					  .initrd_name = "test-initrd",
					  .cmdline = "",
					  .cpus = 1 };
}

static void start_elf(struct fixture *f, uint64_t memory_bytes)
{
	struct elf_file file;

	elf_file_make(&file);
	start(f, memory_bytes, &file, sizeof(file));
}

static void stop(struct fixture *f)
{
	close(f->config.kernel_fd);
	if (f->config.initrd_fd >= 0)
		close(f->config.initrd_fd);
	guestmem_fini(&f->mem);
}

static int load(struct fixture *f)
{
	return boot_load(&f->mem, &f->config, &f->entry, &f->err);
}

static void says(const struct fixture *f, const char *text)
{
	if (!strstr(err_text(&f->err), text))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&f->err), text);
}

static uint64_t get64(const struct fixture *f, gpa_t gpa)
{
	uint64_t value;

	assert_true(guestmem_read(&f->mem, gpa, &value, sizeof(value)));
	return value;
}

static uint32_t get32(const struct fixture *f, gpa_t gpa)
{
	uint32_t value;

	assert_true(guestmem_read(&f->mem, gpa, &value, sizeof(value)));
	return value;
}

static void a_vmlinux_is_entered_by_pvh(void **state)
{
	struct fixture f;

	(void)state;
	start_elf(&f, MEMORY_BYTES);
	f.config.cmdline = "quiet";
	assert_int_equal(load(&f), 0);
	assert_int_equal(f.entry.mode, BOOT_MODE_PROTECTED_32);
	assert_int_equal(f.entry.instruction, (16 << 20) + 0x40);
	assert_int_equal(f.entry.parameters, LAYOUT_PVH_INFO);
	assert_int_equal(get32(&f, LAYOUT_PVH_INFO), 0x336ec578);
	assert_string_equal(guestmem_at(&f.mem, LAYOUT_CMDLINE, 64), CMDLINE_MACHINE " quiet");
	assert_int_equal(get64(&f, LAYOUT_PVH_INFO + 24), LAYOUT_CMDLINE);
	assert_memory_equal(guestmem_at(&f.mem, 16 << 20, 4), "KKKK", 4);
	stop(&f);
}

static void the_pvh_memory_map_leaves_out_the_bios_area(void **state)
{
	struct fixture f;
	gpa_t map;

	(void)state;
	start_elf(&f, MEMORY_BYTES);
	assert_int_equal(load(&f), 0);
	map = get64(&f, LAYOUT_PVH_INFO + 40);
	assert_int_equal(get32(&f, LAYOUT_PVH_INFO + 48), 3);
	assert_int_equal(get64(&f, map), 0);
	assert_int_equal(get64(&f, map + 8), LAYOUT_BASE_END);
	assert_int_equal(get32(&f, map + 16), 1);
	assert_int_equal(get64(&f, map + 24), LAYOUT_BASE_END);
	assert_int_equal(get32(&f, map + 24 + 16), 2);
	assert_int_equal(get64(&f, map + 48), LAYOUT_KERNEL_MIN);
	assert_int_equal(get64(&f, map + 48 + 8), MEMORY_BYTES - LAYOUT_KERNEL_MIN);
	stop(&f);
}

static void memory_above_the_hole_is_in_the_map(void **state)
{
	struct fixture f;
	gpa_t map;

	(void)state;
	start_elf(&f, LAYOUT_HOLE_START + MEMORY_BYTES);
	assert_int_equal(load(&f), 0);
	map = get64(&f, LAYOUT_PVH_INFO + 40);
	assert_int_equal(get32(&f, LAYOUT_PVH_INFO + 48), 4);
	assert_int_equal(get64(&f, map + 72), LAYOUT_HOLE_END);
	assert_int_equal(get64(&f, map + 72 + 8), MEMORY_BYTES);
	stop(&f);
}

static void an_initrd_lies_at_the_end_of_memory(void **state)
{
	struct fixture f;
	gpa_t module;

	(void)state;
	start_elf(&f, MEMORY_BYTES);
	f.config.initrd_fd = file_with("initrd", 6);
	assert_int_equal(load(&f), 0);
	assert_int_equal(get32(&f, LAYOUT_PVH_INFO + 12), 1);
	module = get64(&f, LAYOUT_PVH_INFO + 16);
	assert_int_equal(get64(&f, module), MEMORY_BYTES - 4096);
	assert_int_equal(get64(&f, module + 8), 6);
	assert_memory_equal(guestmem_at(&f.mem, MEMORY_BYTES - 4096, 6), "initrd", 6);
	stop(&f);
}

static void a_bzimage_is_entered_in_64_bit_mode(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];
	struct boot_params params;
	struct fixture f;

	(void)state;
	bzimage_file_make(file);
	start(&f, MEMORY_BYTES, file, sizeof(file));
	f.config.initrd_fd = file_with("initrd", 6);
	assert_int_equal(load(&f), 0);
	assert_int_equal(f.entry.mode, BOOT_MODE_LONG_64);
	assert_int_equal(f.entry.instruction, (16 << 20) + 0x200);
	assert_int_equal(f.entry.parameters, LAYOUT_BOOT_PARAMS);
	assert_true(guestmem_read(&f.mem, LAYOUT_BOOT_PARAMS, &params, sizeof(params)));
	assert_int_equal(params.hdr.header, 0x53726448);
	assert_int_equal(params.hdr.type_of_loader, 0xff);
	assert_int_equal(params.hdr.cmd_line_ptr, LAYOUT_CMDLINE);
	assert_int_equal(params.hdr.ramdisk_image, MEMORY_BYTES - 4096);
	assert_int_equal(params.hdr.ramdisk_size, 6);
	assert_int_equal(params.e820_entries, 3);
	assert_int_equal(params.e820_table[2].addr, LAYOUT_KERNEL_MIN);
	assert_memory_equal(guestmem_at(&f.mem, 16 << 20, 4), "ZZZZ", 4);
	stop(&f);
}

static void the_low_4_gib_are_mapped_one_to_one(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];
	const uint64_t present = 0x3;
	struct fixture f;
	gpa_t tables;

	(void)state;
	bzimage_file_make(file);
	start(&f, MEMORY_BYTES, file, sizeof(file));
	assert_int_equal(load(&f), 0);
	tables = f.entry.page_tables;
	assert_int_equal(get64(&f, tables), (tables + 4096) | present);
	for (unsigned gib = 0; gib < 4; gib++) {
		gpa_t directory = get64(&f, tables + 4096 + 8ull * gib) & ~0xfffull;

		assert_int_equal(get64(&f, directory + 8ull * 511),
				 ((uint64_t)gib << 30 | 511ull << 21) | present | 0x80);
	}
	stop(&f);
}

static void a_kernel_larger_than_memory_says_how_much_it_needs(void **state)
{
	struct fixture f;

	(void)state;
	start_elf(&f, 16ull << 20);
	assert_int_equal(load(&f), -ENOSPC);
	says(&f, "kernel test-kernel");
	says(&f, "(17 MiB), and the VM has 16 MiB; give it more");
	stop(&f);
}

static void an_initrd_that_does_not_fit_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	start_elf(&f, MEMORY_BYTES);
	f.config.initrd_fd = file_with("", 0);
	assert_int_equal(load(&f), -EINVAL);
	says(&f, "initrd test-initrd is empty");
	assert_int_equal(ftruncate(f.config.initrd_fd, 15 << 20), 0);
	assert_int_equal(load(&f), 0);
	assert_int_equal(ftruncate(f.config.initrd_fd, 16 << 20), 0);
	assert_int_equal(load(&f), -ENOSPC);
	says(&f, "does not fit");
	assert_int_equal(ftruncate(f.config.initrd_fd, 1ll << 40), 0);
	assert_int_equal(load(&f), -ENOSPC);
	stop(&f);
}

static void a_file_that_is_no_kernel_is_described(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{ "", "an empty file" },
		{ "\x1f\x8b", "a gzip file" },
		{ "#!/bin/sh\n", "a script" },
		{ "070701", "a cpio archive" },
		{ "\x7f"
		  "ELF",
		  "neither" },
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		start(&f, MEMORY_BYTES, cases[i].bytes, strlen(cases[i].bytes));
		assert_int_equal(load(&f), -ENOEXEC);
		says(&f, cases[i].text);
		says(&f, "neither an x86-64 vmlinux nor a bzImage");
		stop(&f);
	}
}

static void the_command_line_has_a_limit(void **state)
{
	char line[LAYOUT_CMDLINE_MAX + 1] = "";
	struct fixture f;

	(void)state;
	memset(line, 'x', LAYOUT_CMDLINE_MAX - sizeof(CMDLINE_MACHINE " ") + 1);
	start_elf(&f, MEMORY_BYTES);
	f.config.cmdline = line;
	assert_int_equal(load(&f), -E2BIG);
	says(&f, "the kernel takes 2047; shorten it");
	line[strlen(line) - 1] = '\0';
	assert_int_equal(load(&f), 0);
	assert_int_equal(strlen(guestmem_at(&f.mem, LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX)),
			 LAYOUT_CMDLINE_MAX - 1);
	f.config.cmdline = "two\nlines";
	assert_int_equal(load(&f), -EINVAL);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vmlinux_is_entered_by_pvh),
		cmocka_unit_test(the_pvh_memory_map_leaves_out_the_bios_area),
		cmocka_unit_test(memory_above_the_hole_is_in_the_map),
		cmocka_unit_test(an_initrd_lies_at_the_end_of_memory),
		cmocka_unit_test(a_bzimage_is_entered_in_64_bit_mode),
		cmocka_unit_test(the_low_4_gib_are_mapped_one_to_one),
		cmocka_unit_test(a_kernel_larger_than_memory_says_how_much_it_needs),
		cmocka_unit_test(an_initrd_that_does_not_fit_is_refused),
		cmocka_unit_test(a_file_that_is_no_kernel_is_described),
		cmocka_unit_test(the_command_line_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
