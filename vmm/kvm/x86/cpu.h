/* SPDX-License-Identifier: Apache-2.0 */
/* The state an x86 vCPU starts in: CPUID, MSRs, local APIC and registers. */
#ifndef KATA_LIKE_VMM_KVM_X86_CPU_H
#define KATA_LIKE_VMM_KVM_X86_CPU_H

#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/entry.h"
#include "vmm/kvm/x86/model.h"

/*
 * Sets up vCPU number id of n. With entry it starts there; without, it waits for the guest's
 * start-up interrupt, as a secondary CPU does.
 */
int cpu_init(int kvm_fd, int vcpu_fd, enum cpu_model model, unsigned id, unsigned n,
	     const struct boot_entry *entry, struct err *err) _must_check_;

/* Logs the registers as errors. The vCPU does not run. */
void cpu_log_registers(int vcpu_fd);

/* Translates the instruction pointer to a physical address, by the guest's page tables. */
bool cpu_instruction(int vcpu_fd, gpa_t *ret_gpa) _must_check_;

#endif
