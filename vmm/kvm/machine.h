/* SPDX-License-Identifier: Apache-2.0 */
/* A virtual machine in KVM, without its vCPUs: interrupt controllers and memory slots. */
#ifndef KATA_LIKE_VMM_KVM_MACHINE_H
#define KATA_LIKE_VMM_KVM_MACHINE_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/x86/model.h"
#include "vmm/mem/guestmem.h"

struct machine {
	const struct kvm *kvm;
	enum cpu_model cpu_model;
	int fd; /* owned; -1 while there is none */
};

/*
 * Creates the VM with in-kernel PIC, IOAPIC and local APICs. There is no PIT: every kernel that
 * knows KVM (kvm-clock, TSC deadline timer) runs without, and its emulation costs host timers. kvm
 * must outlive it.
 */
int machine_init(struct machine *machine, const struct kvm *kvm, enum cpu_model cpu_model,
		 struct err *err) _must_check_;
void machine_fini(struct machine *machine);

/* Gives mem to the guest, one slot a region. mem must outlive the machine. */
int machine_map(struct machine *machine, const struct guestmem *mem, struct err *err) _must_check_;

/* Lets guest writes of len bytes to port wait in a ring until the next exit. No-op without support.
 */
int machine_coalesce_port(struct machine *machine, uint16_t port, uint32_t len_bytes,
			  struct err *err) _must_check_;

#endif
