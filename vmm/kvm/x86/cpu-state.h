/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that a vCPU is, as plain data: taken from one that does not run, given to a new one.
 */
#ifndef KATA_LIKE_VMM_KVM_X86_CPU_STATE_H
#define KATA_LIKE_VMM_KVM_X86_CPU_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/* KVM lists some 150 of them. */
#define CPU_STATE_MSRS_MAX 384u

struct cpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp_state;
	uint32_t n_msrs;
	uint32_t padding;
	struct kvm_msr_entry msrs[CPU_STATE_MSRS_MAX]; /* all that KVM can tell */
};

/* The vCPU does not run, and is at no exit that is still to be answered. */
int cpu_state_save(int kvm_fd, int vcpu_fd, struct cpu_state *ret_state, struct err *err)
	_must_check_;

/*
 * In the order of the vCPUs; first is the first's, with which the others' time stamps are in step.
 * vcpu_fd went through cpu_init() with the same model on the same kind of processor. The data may
 * be anybody's: KVM checks it, and what it refuses is said.
 */
int cpu_state_load(int vcpu_fd, bool first, const struct cpu_state *state, struct err *err)
	_must_check_;

#endif
