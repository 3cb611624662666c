/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel entered by PVH is told (Xen's public/arch-x86/hvm/start_info.h, version 1). */
#ifndef KATA_LIKE_VMM_BOOT_X86_PVH_H
#define KATA_LIKE_VMM_BOOT_X86_PVH_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/initrd.h"
#include "vmm/mem/guestmem.h"

/*
 * Writes the start info, its module list and memory map at LAYOUT_PVH_INFO. The command line is at
 * LAYOUT_CMDLINE already; initrd->size_bytes 0 means none.
 */
int pvh_write(const struct guestmem *mem, const struct initrd *initrd, struct err *err)
	_must_check_;

#endif
