/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a kernel file: what is accepted keeps the promises that loading relies on. */
#include <string.h>

#include "tests/fuzz/input.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/elf.h"
#include "vmm/boot/x86/layout.h"

static void check_segments(const struct elf_segments *segments, uint64_t file_bytes)
{
	FUZZ_CHECK(segments->n_load >= 1 && segments->n_load <= ELF_SEGMENTS_MAX);
	FUZZ_CHECK(segments->notes_bytes <= ELF_NOTES_MAX);
	FUZZ_CHECK(segments->notes_offset + segments->notes_bytes <= file_bytes);
	for (size_t i = 0; i < segments->n_load; i++) {
		const struct elf_segment *s = &segments->load[i];

		FUZZ_CHECK(s->offset <= file_bytes && s->file_bytes <= file_bytes - s->offset);
		FUZZ_CHECK(s->file_bytes <= s->memory_bytes && s->memory_bytes > 0);
		FUZZ_CHECK(s->gpa >= LAYOUT_KERNEL_MIN && s->gpa <= UINT64_MAX - s->memory_bytes);
		FUZZ_CHECK(i == 0 || s[-1].gpa + s[-1].memory_bytes <= s->gpa);
	}
}

static void read_elf(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct elf_segments segments;
	struct elf_table table;
	gpa_t entry;

	if (size < ELF_HEADER_BYTES || elf_parse_header(data, size, &table, &err) < 0)
		return;
	FUZZ_CHECK(table.bytes <= ELF_TABLE_MAX && table.offset + table.bytes <= size);
	if (elf_parse_segments(data + table.offset, table.bytes, size, &segments, &err) < 0)
		return;
	check_segments(&segments, size);
	if (elf_find_pvh_entry(data + segments.notes_offset, segments.notes_bytes, &segments,
			       &entry, &err) == 0)
		FUZZ_CHECK(entry >= segments.load[0].gpa && entry <= UINT32_MAX);
}

static void read_bzimage(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct bzimage image;

	if (bzimage_parse(data, MIN(size, (size_t)BZIMAGE_HEADER_BYTES), size, &image, &err) < 0)
		return;
	FUZZ_CHECK(image.payload_offset + image.payload_bytes <= size);
	FUZZ_CHECK(image.payload_bytes <= image.memory_bytes);
	FUZZ_CHECK(image.load >= LAYOUT_KERNEL_MIN && image.load <= UINT32_MAX);
	FUZZ_CHECK(image.cmdline_max < LAYOUT_CMDLINE_MAX);
	FUZZ_CHECK(image.setup_bytes <= BZIMAGE_SETUP_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_elf(data, size);
	read_bzimage(data, size);
	return 0;
}
