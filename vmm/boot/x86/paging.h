/* SPDX-License-Identifier: Apache-2.0 */
/* The page tables and segment descriptors that 64-bit entry needs. */
#ifndef KATA_LIKE_VMM_BOOT_X86_PAGING_H
#define KATA_LIKE_VMM_BOOT_X86_PAGING_H

#include <stdint.h>

#include "lib/cleanup.h"
#include "vmm/mem/guestmem.h"

/* Selectors in the table below, as the Linux boot protocol fixes them. */
#define PAGING_CODE_SELECTOR 0x10u
#define PAGING_DATA_SELECTOR 0x18u
#define PAGING_GDT_BYTES     32u
#define PAGING_TABLES_BYTES  (6u * 4096)

/*
 * Writes page tables at gpa that map the low 4 GiB one to one in pages of 2 MiB, writable and
 * executable. -EFAULT if there is no memory.
 */
int paging_write_tables(const struct guestmem *mem, gpa_t gpa) _must_check_;

/* Writes a descriptor table with flat 64-bit code and data segments. -EFAULT if there is no memory.
 */
int paging_write_gdt(const struct guestmem *mem, gpa_t gpa) _must_check_;

#endif
