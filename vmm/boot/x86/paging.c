/* SPDX-License-Identifier: Apache-2.0 */
/* Identity page tables and a descriptor table (Intel SDM volume 3, 4.5 and 3.4.5). */
#include "vmm/boot/x86/paging.h"

#include <errno.h>

#define PAGE_PRESENT  0x01ull
#define PAGE_WRITABLE 0x02ull
#define PAGE_LARGE    0x80ull
#define ENTRIES	      512u
#define LARGE_BYTES   (2ull << 20)
#define DIRECTORIES   4u

int paging_write_tables(const struct guestmem *mem, gpa_t gpa)
{
	uint64_t *table = guestmem_at(mem, gpa, PAGING_TABLES_BYTES);
	uint64_t *pointers, *directory;

	if (!table)
		return -EFAULT;
	pointers = table + ENTRIES;
	directory = pointers + ENTRIES;
	table[0] = (gpa + 4096) | PAGE_PRESENT | PAGE_WRITABLE;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		pointers[i] = (gpa + 4096ull * (2 + i)) | PAGE_PRESENT | PAGE_WRITABLE;
	for (unsigned i = 0; i < DIRECTORIES * ENTRIES; i++)
		directory[i] = i * LARGE_BYTES | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
	return 0;
}

int paging_write_gdt(const struct guestmem *mem, gpa_t gpa)
{
	static const uint64_t descriptors[PAGING_GDT_BYTES / 8] = {
		[PAGING_CODE_SELECTOR / 8] = 0x00af9b000000ffffull, /* execute/read, L, 4 GiB */
		[PAGING_DATA_SELECTOR / 8] = 0x00cf93000000ffffull, /* read/write, 4 GiB */
	};

	return guestmem_write(mem, gpa, descriptors, sizeof(descriptors)) ? 0 : -EFAULT;
}
