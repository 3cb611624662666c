/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which model-specific registers a guest may read and write at all. KVM gives none away that is the
 * host's, yet implements far more of them than a guest of ours has a use for: Hyper-V's whole
 * interface, performance counters, nested virtualization. What is not on the list here does not
 * exist for the guest: touching it is a general protection fault, and no code of KVM's behind it
 * can be reached.
 */
#ifndef KATA_LIKE_VMM_KVM_X86_MSR_FILTER_H
#define KATA_LIKE_VMM_KVM_X86_MSR_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/* Before the VM's vCPUs run. No-op where KVM has no filter (before Linux 5.10). */
int msr_filter_set(int kvm_fd, int vm_fd, struct err *err) _must_check_;

/* Whether a guest may. The local APIC's registers (0x800 to 0x8ff) are beyond every filter. */
bool msr_filter_allows(uint32_t msr, bool write);

#endif
