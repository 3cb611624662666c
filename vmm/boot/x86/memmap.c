/* SPDX-License-Identifier: Apache-2.0 */
/* The memory map: all guest memory, but for the BIOS area that holds the MP table. */
#include "vmm/boot/x86/memmap.h"

#include "vmm/boot/x86/layout.h"

size_t memmap_build(const struct guestmem *mem, struct memmap_entry entries[static MEMMAP_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < mem->n_regions; i++) {
		gpa_t start = mem->regions[i].gpa;
		gpa_t end = start + mem->regions[i].size_bytes;

		if (start == 0) {
			entries[n++] =
				(struct memmap_entry){ 0, MIN(end, LAYOUT_BASE_END), MEMMAP_RAM };
			entries[n++] = (struct memmap_entry){ LAYOUT_BASE_END,
							      LAYOUT_KERNEL_MIN - LAYOUT_BASE_END,
							      MEMMAP_RESERVED };
			start = LAYOUT_KERNEL_MIN;
		}
		if (end > start)
			entries[n++] = (struct memmap_entry){ start, end - start, MEMMAP_RAM };
	}
	return n;
}
