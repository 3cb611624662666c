/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an ELF vmlinux: pure functions over the bytes of its headers. Every number in the file is
 * hostile until checked here; what comes out keeps the promises written beside it.
 */
#ifndef KATA_LIKE_VMM_BOOT_ELF_H
#define KATA_LIKE_VMM_BOOT_ELF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

#define ELF_HEADER_BYTES 64u
#define ELF_SEGMENTS_MAX 16u
#define ELF_TABLE_MAX	 (ELF_SEGMENTS_MAX * 4 * 56u) /* program headers of all kinds */
#define ELF_NOTES_MAX	 65536u

/* The program header table: within the file, bytes <= ELF_TABLE_MAX and a multiple of the entry
 * size. */
struct elf_table {
	uint64_t offset;
	size_t bytes;
};

/* What goes to memory. File part within the file; file_bytes <= memory_bytes; no address overflows.
 */
struct elf_segment {
	uint64_t offset, file_bytes;
	gpa_t gpa;
	uint64_t memory_bytes;
};

struct elf_segments {
	struct elf_segment load[ELF_SEGMENTS_MAX]; /* ascending, never overlapping; at least one */
	size_t n_load;
	uint64_t notes_offset; /* within the file */
	size_t notes_bytes;    /* 0 if there are none; at most ELF_NOTES_MAX */
};

/* Checks the file's header (ELF_HEADER_BYTES of it). -EINVAL, -ENOEXEC for another machine's. */
int elf_parse_header(const uint8_t header[static ELF_HEADER_BYTES], uint64_t file_bytes,
		     struct elf_table *ret_table, struct err *err) _must_check_;

/* Checks the program headers: table_bytes of them, read from where elf_parse_header() said. */
int elf_parse_segments(const uint8_t *table, size_t table_bytes, uint64_t file_bytes,
		       struct elf_segments *ret_segments, struct err *err) _must_check_;

/*
 * Finds the 32-bit entry point of a PVH kernel (the Xen note XEN_ELFNOTE_PHYS32_ENTRY) among the
 * notes. The address lies in one of the segments. -ENOEXEC if the kernel has none.
 */
int elf_find_pvh_entry(const uint8_t *notes, size_t notes_bytes,
		       const struct elf_segments *segments, gpa_t *ret_entry, struct err *err)
	_must_check_;

#endif
