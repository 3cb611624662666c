/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupts and doorbells on KVM: MSI sources are irqfds, doorbells are ioeventfds, so neither
 * costs an exit to user space. KVM takes one routing table for everything; this holds it. Not
 * thread-safe: the device lock covers it.
 */
#ifndef KATA_LIKE_VMM_KVM_INTERRUPTS_H
#define KATA_LIKE_VMM_KVM_INTERRUPTS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/kvm/machine.h"
#include "vmm/pci/interrupt.h"

/* MSI sources a VM may have: 32 functions with some queues each. */
#define INTERRUPTS_MSI_MAX 512u

struct kvm_irq_routing;

struct kvm_interrupts {
	struct interrupts base;	       /* hand &base to PCI functions */
	int vm_fd;		       /* borrowed */
	struct kvm_irq_routing *table; /* what KVM was told last; owned */
	uint8_t used[INTERRUPTS_MSI_MAX / 8];
};

/* machine must outlive it. Routes the ISA interrupts to PIC and IOAPIC. */
int kvm_interrupts_init(struct kvm_interrupts *irq, const struct machine *machine, struct err *err)
	_must_check_;
void kvm_interrupts_fini(struct kvm_interrupts *irq);

/* Raises ISA interrupt line (edge-triggered) whenever event_fd (borrowed) is written. */
int kvm_interrupts_add_isa(struct kvm_interrupts *irq, unsigned line, int event_fd, struct err *err)
	_must_check_;

#endif
