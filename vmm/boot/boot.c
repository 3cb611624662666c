/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that must lie in guest memory before the first instruction. */
#include "vmm/boot/boot.h"

#include <errno.h>

#include "vmm/boot/cmdline.h"
#include "vmm/boot/initrd.h"
#include "vmm/boot/kernel.h"
#include "vmm/boot/x86/boot-params.h"
#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/mptable.h"
#include "vmm/boot/x86/paging.h"
#include "vmm/boot/x86/pvh.h"

static int prepare_pvh(const struct guestmem *mem, const struct kernel *kernel,
		       const struct initrd *initrd, struct boot_entry *ret_entry, struct err *err)
{
	*ret_entry = (struct boot_entry){ .mode = BOOT_MODE_PROTECTED_32,
					  .instruction = kernel->entry,
					  .parameters = LAYOUT_PVH_INFO };
	return pvh_write(mem, initrd, err);
}

static int prepare_bzimage(const struct guestmem *mem, const struct kernel *kernel,
			   const struct initrd *initrd, struct boot_entry *ret_entry,
			   struct err *err)
{
	*ret_entry = (struct boot_entry){ .mode = BOOT_MODE_LONG_64,
					  .instruction = kernel->entry,
					  .parameters = LAYOUT_BOOT_PARAMS,
					  .page_tables = LAYOUT_PAGE_TABLES,
					  .gdt = LAYOUT_GDT,
					  .gdt_bytes = PAGING_GDT_BYTES };
	if (paging_write_tables(mem, LAYOUT_PAGE_TABLES) < 0 ||
	    paging_write_gdt(mem, LAYOUT_GDT) < 0)
		return err_say(err, EINVAL, "guest memory has no room for page tables");
	return boot_params_write(mem, &kernel->bzimage, initrd, err);
}

int boot_load(const struct guestmem *mem, const struct boot_config *config,
	      struct boot_entry *ret_entry, struct err *err)
{
	char line[LAYOUT_CMDLINE_MAX];
	struct initrd initrd = { 0 };
	struct kernel kernel;
	bool bzimage;
	int r = kernel_load(mem, config->kernel_fd, config->kernel_name, &kernel, err);

	if (r < 0)
		return r;
	bzimage = kernel.kind == KERNEL_BZIMAGE;
	r = cmdline_build(config->cmdline,
			  bzimage ? (size_t)kernel.bzimage.cmdline_max + 1 : sizeof(line), line,
			  err);
	if (r == 0)
		r = cmdline_write(mem, line, err);
	if (r == 0 && config->initrd_fd >= 0)
		r = initrd_load(mem, config->initrd_fd, config->initrd_name, kernel.end,
				bzimage ? kernel.bzimage.initrd_last : UINT32_MAX, &initrd, err);
	if (r == 0)
		r = mptable_write(mem, config->cpus, config->isa_interrupts, err);
	if (r < 0)
		return r;
	return bzimage ? prepare_bzimage(mem, &kernel, &initrd, ret_entry, err)
		       : prepare_pvh(mem, &kernel, &initrd, ret_entry, err);
}
