/* SPDX-License-Identifier: Apache-2.0 */
/* What a bzImage is told: the "zero page" (Documentation/arch/x86/zero-page.rst). */
#ifndef KATA_LIKE_VMM_BOOT_X86_BOOT_PARAMS_H
#define KATA_LIKE_VMM_BOOT_X86_BOOT_PARAMS_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/bzimage.h"
#include "vmm/boot/initrd.h"
#include "vmm/mem/guestmem.h"

/*
 * Writes the page at LAYOUT_BOOT_PARAMS: the image's setup header with a boot loader's fields
 * filled in, and the memory map. The command line is at LAYOUT_CMDLINE already.
 */
int boot_params_write(const struct guestmem *mem, const struct bzimage *image,
		      const struct initrd *initrd, struct err *err) _must_check_;

#endif
