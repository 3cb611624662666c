/* SPDX-License-Identifier: Apache-2.0 */
/* What the header of a bzImage may say, and what it may not. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/vmm/boot/kernel-files.h"
#include "vmm/boot/bzimage.h"

static void refuse(const uint8_t *file, size_t len, uint64_t file_bytes, const char *text)
{
	struct bzimage image;
	struct err err = ERR_INIT;

	assert_true(bzimage_parse(file, len, file_bytes, &image, &err) < 0);
	if (!strstr(err_text(&err), text))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&err), text);
}

static void a_sound_bzimage_says_where_it_goes(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];
	struct err err = ERR_INIT;
	struct bzimage image;

	(void)state;
	bzimage_file_make(file);
	assert_true(bzimage_detect(file, sizeof(file)));
	assert_int_equal(bzimage_parse(file, BZIMAGE_HEADER_BYTES, sizeof(file), &image, &err), 0);
	assert_int_equal(image.payload_offset, 1024);
	assert_int_equal(image.payload_bytes, BZIMAGE_FILE_BYTES - 1024);
	assert_int_equal(image.load, 16 << 20);
	assert_int_equal(image.memory_bytes, 1 << 20);
	assert_int_equal(image.initrd_last, 0x7fffffff);
	assert_int_equal(image.cmdline_max, 2047);
	assert_int_equal(image.setup_bytes, 0x26c - 0x1f1);
	assert_memory_equal(image.setup, file + 0x1f1, image.setup_bytes);
}

static void no_setup_sectors_means_four(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];
	struct err err = ERR_INIT;
	struct bzimage image;

	(void)state;
	bzimage_file_make(file);
	file[0x1f1] = 0;
	assert_int_equal(bzimage_parse(file, BZIMAGE_HEADER_BYTES, 8192, &image, &err), 0);
	assert_int_equal(image.payload_offset, 5 * 512);
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];

	(void)state;
	bzimage_file_make(file);
	assert_false(bzimage_detect(file, 0x205));
	refuse(file, 0x263, 0x263, "cut short in its header");
	refuse(file, BZIMAGE_HEADER_BYTES, sizeof(file) - 16, "4080 of 4096 bytes");
	refuse(file, BZIMAGE_HEADER_BYTES, BZIMAGE_HEADER_BYTES, "cut short");
}

static void old_and_32_bit_kernels_are_refused(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];

	(void)state;
	bzimage_file_make(file);
	file[0x206] = 0x0b;
	refuse(file, sizeof(file), sizeof(file), "2.11");
	bzimage_file_make(file);
	file[0x236] = 0;
	refuse(file, sizeof(file), sizeof(file), "64-bit entry");
	bzimage_file_make(file);
	file[0x211] = 0;
	refuse(file, sizeof(file), sizeof(file), "zImage");
}

static void load_addresses_are_checked(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];

	(void)state;
	bzimage_file_make(file);
	memset(file + 0x258, 0, 8);
	refuse(file, sizeof(file), sizeof(file), "loaded at 0x0");
	memset(file + 0x258, 0xff, 8);
	refuse(file, sizeof(file), sizeof(file), "loaded at 0xffffffffffffffff");
	bzimage_file_make(file);
	file[0x258] = 1;
	refuse(file, sizeof(file), sizeof(file), "loaded at 0x1000001");
}

static void a_kernel_without_code_is_refused(void **state)
{
	uint8_t file[BZIMAGE_FILE_BYTES];

	(void)state;
	bzimage_file_make(file);
	memset(file + 0x1f4, 0, 4);
	refuse(file, sizeof(file), sizeof(file), "holds no kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_bzimage_says_where_it_goes),
		cmocka_unit_test(no_setup_sectors_means_four),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(old_and_32_bit_kernels_are_refused),
		cmocka_unit_test(load_addresses_are_checked),
		cmocka_unit_test(a_kernel_without_code_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
