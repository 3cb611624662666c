/* SPDX-License-Identifier: Apache-2.0 */
/* The MP table: how a kernel without ACPI learns of its CPUs (Intel MP 1.4, chapter 4). */
#ifndef KATA_LIKE_VMM_BOOT_X86_MPTABLE_H
#define KATA_LIKE_VMM_BOOT_X86_MPTABLE_H

#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

/*
 * Writes the floating pointer and the table at LAYOUT_MPTABLE: cpus processors (1 to
 * LAYOUT_CPUS_MAX) whose APIC ids are 0, 1, … With isa_interrupts also an IOAPIC and the 16 ISA
 * interrupts, each on the pin of its number; without, the kernel spares itself some 900 accesses to
 * an IOAPIC that nothing is connected to.
 */
int mptable_write(const struct guestmem *mem, unsigned cpus, bool isa_interrupts, struct err *err)
	_must_check_;

#endif
