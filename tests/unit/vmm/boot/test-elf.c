/* SPDX-License-Identifier: Apache-2.0 */
/* What a vmlinux may look like, and what it may not. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/vmm/boot/kernel-files.h"
#include "vmm/boot/elf.h"

/* Reads the file as kernel.c does. */
static int parse(const struct elf_file *file, uint64_t file_bytes, gpa_t *ret_entry,
		 struct elf_segments *ret_segments, struct err *err)
{
	const uint8_t *bytes = (const uint8_t *)file;
	struct elf_table table;
	int r = elf_parse_header(bytes, file_bytes, &table, err);

	if (r == 0)
		r = elf_parse_segments(bytes + table.offset, table.bytes, file_bytes, ret_segments,
				       err);
	if (r == 0)
		r = elf_find_pvh_entry(bytes + ret_segments->notes_offset,
				       ret_segments->notes_bytes, ret_segments, ret_entry, err);
	return r;
}

static void refuse(const struct elf_file *file, uint64_t file_bytes, int code, const char *text)
{
	struct elf_segments segments;
	struct err err = ERR_INIT;
	gpa_t entry;

	assert_int_equal(parse(file, file_bytes, &entry, &segments, &err), code);
	if (!strstr(err_text(&err), text))
		fail_msg("\"%s\" does not say \"%s\"", err_text(&err), text);
}

static void a_sound_vmlinux_gives_segments_and_entry(void **state)
{
	struct elf_segments segments;
	struct err err = ERR_INIT;
	struct elf_file file;
	gpa_t entry;

	(void)state;
	elf_file_make(&file);
	assert_int_equal(parse(&file, FILE_BYTES, &entry, &segments, &err), 0);
	assert_int_equal(entry, (16 << 20) + 0x40);
	assert_int_equal(segments.n_load, 1);
	assert_int_equal(segments.load[0].gpa, 16 << 20);
	assert_int_equal(segments.load[0].file_bytes, 0x1000);
	assert_int_equal(segments.load[0].memory_bytes, 0x2000);
}

static void another_machines_kernel_is_named(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.ehdr.e_machine = EM_AARCH64;
	refuse(&file, FILE_BYTES, -ENOEXEC, "built for aarch64");
	file.ehdr.e_machine = EM_386;
	refuse(&file, FILE_BYTES, -ENOEXEC, "built for i386");
	file.ehdr.e_machine = 4242;
	refuse(&file, FILE_BYTES, -ENOEXEC, "ELF machine 4242");
	file.ehdr.e_machine = EM_X86_64;
	file.ehdr.e_ident[EI_CLASS] = ELFCLASS32;
	refuse(&file, FILE_BYTES, -ENOEXEC, "32-bit");
}

static void a_file_cut_anywhere_is_refused(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	refuse(&file, sizeof(Elf64_Ehdr) + 1, -EINVAL, "cut short");
	refuse(&file, FILE_SEGMENT_OFFSET + 0xfff, -EINVAL, "cut short");
	file.load.p_offset = UINT64_MAX;
	refuse(&file, FILE_BYTES, -EINVAL, "cut short");
}

static void a_segment_that_overflows_is_refused(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.load.p_paddr = UINT64_MAX - 0x1000;
	refuse(&file, FILE_BYTES, -EINVAL, "beyond the last address");
	elf_file_make(&file);
	file.load.p_memsz = 0xfff;
	refuse(&file, FILE_BYTES, -EINVAL, "larger in the file");
	elf_file_make(&file);
	file.load.p_paddr = 0xf0000;
	refuse(&file, FILE_BYTES, -EINVAL, "below 1 MiB");
}

static void segments_that_overlap_are_refused(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.note = file.load;
	file.note.p_paddr += 0x1000;
	refuse(&file, FILE_BYTES, -EINVAL, "overlap");
	file.note.p_paddr = file.load.p_paddr - 0x1000;
	refuse(&file, FILE_BYTES, -EINVAL, "overlap");
}

static void a_kernel_without_pvh_is_told_what_to_do(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.note_header.n_type = 17;
	refuse(&file, FILE_BYTES, -ENOEXEC, "CONFIG_PVH=y");
	elf_file_make(&file);
	file.note.p_type = PT_NULL;
	refuse(&file, FILE_BYTES, -ENOEXEC, "CONFIG_PVH=y");
}

static void sizes_of_notes_are_not_believed(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.note_header.n_namesz = UINT32_MAX;
	refuse(&file, FILE_BYTES, -ENOEXEC, "no PVH entry");
	elf_file_make(&file);
	file.note_header.n_descsz = UINT32_MAX;
	refuse(&file, FILE_BYTES, -ENOEXEC, "no PVH entry");
	elf_file_make(&file);
	file.note_header.n_descsz = 2;
	refuse(&file, FILE_BYTES, -ENOEXEC, "no PVH entry");
	file.note.p_filesz = UINT64_MAX;
	refuse(&file, FILE_BYTES, -ENOEXEC, "no PVH entry");
}

static void an_entry_outside_the_kernel_is_refused(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.note_value = (16 << 20) + 0x2000;
	refuse(&file, FILE_BYTES, -EINVAL, "outside its segments");
}

static void too_many_program_headers_are_refused(void **state)
{
	struct elf_file file;

	(void)state;
	elf_file_make(&file);
	file.ehdr.e_phnum = UINT16_MAX;
	refuse(&file, UINT64_MAX, -EINVAL, "65535 program headers");
	file.ehdr.e_phnum = 0;
	refuse(&file, FILE_BYTES, -EINVAL, "without program headers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_vmlinux_gives_segments_and_entry),
		cmocka_unit_test(another_machines_kernel_is_named),
		cmocka_unit_test(a_file_cut_anywhere_is_refused),
		cmocka_unit_test(a_segment_that_overflows_is_refused),
		cmocka_unit_test(segments_that_overlap_are_refused),
		cmocka_unit_test(a_kernel_without_pvh_is_told_what_to_do),
		cmocka_unit_test(sizes_of_notes_are_not_believed),
		cmocka_unit_test(an_entry_outside_the_kernel_is_refused),
		cmocka_unit_test(too_many_program_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
