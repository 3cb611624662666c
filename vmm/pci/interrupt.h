/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PCI functions need from whatever runs the vCPUs: MSI interrupts that are raised by writing
 * an eventfd, and eventfds that are written by a guest's store. vmm/kvm/ implements it on irqfd and
 * ioeventfd; tests implement it in memory.
 */
#ifndef KATA_LIKE_VMM_PCI_INTERRUPT_H
#define KATA_LIKE_VMM_PCI_INTERRUPT_H

#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

struct interrupts;

struct interrupts_ops {
	/*
	 * Reserves an MSI source that fires whenever event_fd (borrowed) is written. It delivers
	 * nothing until msi_route(). ret_source names it. 0 or -errno (-ENOSPC: no source is left).
	 */
	int (*msi_add)(struct interrupts *irq, int event_fd, uint32_t *ret_source);
	/* Sets where the source delivers (the MSI-X table entry's address and data). 0 or -errno.
	 */
	int (*msi_route)(struct interrupts *irq, uint32_t source, uint64_t address, uint32_t data);
	void (*msi_remove)(struct interrupts *irq, uint32_t source, int event_fd);
	/* event_fd is written when the guest stores 2 bytes (any value) to gpa. 0 or -errno. */
	int (*doorbell_add)(struct interrupts *irq, gpa_t gpa, int event_fd);
	void (*doorbell_remove)(struct interrupts *irq, gpa_t gpa, int event_fd);
};

struct interrupts {
	const struct interrupts_ops *ops;
};

#endif
