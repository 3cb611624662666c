/* SPDX-License-Identifier: Apache-2.0 */
/* What a bzImage is told. */
#include "vmm/boot/x86/boot-params.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/memmap.h"

#define LOADER_UNREGISTERED 0xffu

int boot_params_write(const struct guestmem *mem, const struct bzimage *image,
		      const struct initrd *initrd, struct err *err)
{
	_cleanup_free_ struct boot_params *params = calloc(1, sizeof(*params));
	struct memmap_entry entries[MEMMAP_MAX];
	size_t n = memmap_build(mem, entries);

	_Static_assert(sizeof(*params) == 4096, "the zero page is a page");
	_Static_assert(offsetof(struct boot_params, hdr) == BZIMAGE_SETUP_OFFSET, "setup header");
	_Static_assert(BZIMAGE_SETUP_OFFSET + BZIMAGE_SETUP_MAX <=
			       offsetof(struct boot_params, edd_mbr_sig_buffer),
		       "the longest setup header ends before what follows it");
	if (!params)
		return err_set(err, ENOMEM, "cannot make boot data");
	memcpy((uint8_t *)params + BZIMAGE_SETUP_OFFSET, image->setup, image->setup_bytes);
	params->hdr.type_of_loader = LOADER_UNREGISTERED;
	params->hdr.cmd_line_ptr = (uint32_t)LAYOUT_CMDLINE;
	params->hdr.code32_start = (uint32_t)image->load;
	if (initrd->size_bytes > 0) {
		params->hdr.ramdisk_image = (uint32_t)initrd->gpa;
		params->hdr.ramdisk_size = (uint32_t)initrd->size_bytes;
	}
	for (size_t i = 0; i < n; i++)
		params->e820_table[i] = (struct boot_e820_entry){ .addr = entries[i].gpa,
								  .size = entries[i].size_bytes,
								  .type = entries[i].type };
	params->e820_entries = (uint8_t)n;
	if (!guestmem_write(mem, LAYOUT_BOOT_PARAMS, params, sizeof(*params)))
		return err_say(err, EINVAL, "guest memory has no room for boot data");
	return 0;
}
