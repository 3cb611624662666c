/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's port and memory accesses become: calls to the vCPU's handlers. */
#ifndef KATA_LIKE_VMM_KVM_EXIT_H
#define KATA_LIKE_VMM_KVM_EXIT_H

#include "vmm/kvm/vcpu.h"

/* Each answers the exit that vcpu->run describes, after the writes that wait in the ring. */
void exit_io(struct vcpu *vcpu);
void exit_mmio(struct vcpu *vcpu);

/* Only delivers the writes that wait in the ring. */
void exit_drain(struct vcpu *vcpu);

#endif
