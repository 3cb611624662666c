/* SPDX-License-Identifier: Apache-2.0 */
/* Small kernels made in memory, for tests of what reads them. */
#ifndef KATA_LIKE_TESTS_KERNEL_FILES_H
#define KATA_LIKE_TESTS_KERNEL_FILES_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_SEGMENT_OFFSET 0x1000u
#define FILE_NOTE_OFFSET    0x800u
#define FILE_BYTES	    0x2000u

/* An ELF vmlinux: one segment of a page at 16 MiB, two pages in memory, and a PVH note. */
struct elf_file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr load, note;
	uint8_t rest[FILE_NOTE_OFFSET - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
	Elf64_Nhdr note_header;
	char note_name[4];
	uint32_t note_value;
	uint8_t gap[FILE_SEGMENT_OFFSET - FILE_NOTE_OFFSET - sizeof(Elf64_Nhdr) - 8];
	uint8_t segment[FILE_BYTES - FILE_SEGMENT_OFFSET];
};

void elf_file_make(struct elf_file *file);

#define BZIMAGE_FILE_BYTES 4096u

/* A bzImage: four setup sectors, and the rest is what goes to 16 MiB. */
void bzimage_file_make(uint8_t file[static BZIMAGE_FILE_BYTES]);

/* A descriptor of a file with those bytes, the caller's. */
int file_with(const void *bytes, size_t len);

#endif
