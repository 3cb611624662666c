/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map as firmware would tell it (types as in e820): made from guest memory. */
#ifndef KATA_LIKE_VMM_BOOT_X86_MEMMAP_H
#define KATA_LIKE_VMM_BOOT_X86_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "vmm/mem/guestmem.h"

#define MEMMAP_RAM	1u
#define MEMMAP_RESERVED 2u
#define MEMMAP_MAX	(GUESTMEM_REGIONS_MAX + 2)

struct memmap_entry {
	gpa_t gpa;
	uint64_t size_bytes;
	uint32_t type;
};

/* Fills the table, ascending; returns how many entries. */
size_t memmap_build(const struct guestmem *mem, struct memmap_entry entries[static MEMMAP_MAX]);

#endif
