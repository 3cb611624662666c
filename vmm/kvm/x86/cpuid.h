/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's CPUID says: what KVM supports, with the VM's topology and without what guests
 * lack. */
#ifndef KATA_LIKE_VMM_KVM_X86_CPUID_H
#define KATA_LIKE_VMM_KVM_X86_CPUID_H

#include <linux/kvm.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/kvm/x86/model.h"

#define CPUID_ENTRIES_MAX 256u

/* KVM_GET_SUPPORTED_CPUID, with room for CPUID_ENTRIES_MAX entries; the caller frees it. */
int cpuid_get_supported(int kvm_fd, struct kvm_cpuid2 **ret_cpuid, struct err *err) _must_check_;

/*
 * Turns what KVM supports into what vCPU number id of n shall see: n cores with one thread each in
 * one package, the APIC id being the number. cpuid has room for CPUID_ENTRIES_MAX entries.
 */
void cpuid_adjust(struct kvm_cpuid2 *cpuid, enum cpu_model model, unsigned id, unsigned n);

/* Leaves no more of it than CPU_MODEL_BASELINE has. */
void cpuid_reduce_to_baseline(struct kvm_cpuid2 *cpuid);

/* Takes a leaf away, with all its subleaves. */
void cpuid_remove(struct kvm_cpuid2 *cpuid, uint32_t leaf);

/* The entry of that leaf and subleaf, or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t subleaf);

#endif
