/* SPDX-License-Identifier: Apache-2.0 */
/* How the first vCPU starts: what loading a kernel leaves for whoever sets registers. Plain data.
 */
#ifndef KATA_LIKE_VMM_BOOT_ENTRY_H
#define KATA_LIKE_VMM_BOOT_ENTRY_H

#include <stdint.h>

#include "vmm/mem/guestmem.h"

enum boot_mode {
	BOOT_MODE_PROTECTED_32, /* flat 32-bit protected mode without paging: PVH */
	BOOT_MODE_LONG_64, /* 64-bit mode, the low 4 GiB mapped one to one: the bzImage protocol */
};

struct boot_entry {
	enum boot_mode mode;
	gpa_t instruction; /* where execution starts */
	gpa_t parameters;  /* hvm_start_info (to EBX) or boot_params (to RSI) */
	gpa_t page_tables; /* BOOT_MODE_LONG_64 only: CR3 */
	gpa_t gdt;	   /* BOOT_MODE_LONG_64 only: base of the descriptor table */
	uint16_t gdt_bytes;
};

#endif
