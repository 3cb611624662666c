/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel entered by PVH is told. */
#include "vmm/boot/x86/pvh.h"

#include <errno.h>

#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/memmap.h"

#define START_MAGIC 0x336ec578u

struct start_info {
	uint32_t magic, version, flags, n_modules;
	uint64_t modules, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct module {
	uint64_t address, size, cmdline, reserved;
};

struct range {
	uint64_t address, size;
	uint32_t type, reserved;
};

/* All of it, as it stands in guest memory. */
struct pvh_block {
	struct start_info start;
	struct module module;
	struct range ranges[MEMMAP_MAX];
};

int pvh_write(const struct guestmem *mem, const struct initrd *initrd, struct err *err)
{
	struct pvh_block block = {
		.start = { .magic = START_MAGIC,
			   .version = 1,
			   .cmdline = LAYOUT_CMDLINE,
			   .memmap = LAYOUT_PVH_INFO + offsetof(struct pvh_block, ranges) },
	};
	struct memmap_entry entries[MEMMAP_MAX];
	size_t n = memmap_build(mem, entries);

	_Static_assert(LAYOUT_PVH_INFO + sizeof(block) <= LAYOUT_BOOT_PARAMS, "fits its place");
	if (initrd->size_bytes > 0) {
		block.start.n_modules = 1;
		block.start.modules = LAYOUT_PVH_INFO + offsetof(struct pvh_block, module);
		block.module.address = initrd->gpa;
		block.module.size = initrd->size_bytes;
	}
	block.start.memmap_entries = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		block.ranges[i] = (struct range){ .address = entries[i].gpa,
						  .size = entries[i].size_bytes,
						  .type = entries[i].type };
	if (!guestmem_write(mem, LAYOUT_PVH_INFO, &block, sizeof(block)))
		return err_say(err, EINVAL, "guest memory has no room for boot data");
	return 0;
}
