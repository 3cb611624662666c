/* SPDX-License-Identifier: Apache-2.0 */
/* What KVM holds of a machine beside its vCPUs, as plain data: interrupt controllers and clock. */
#ifndef KATA_LIKE_VMM_KVM_MACHINE_STATE_H
#define KATA_LIKE_VMM_KVM_MACHINE_STATE_H

#include <linux/kvm.h>

#include "vmm/kvm/machine.h"

#define MACHINE_STATE_CHIPS 3u /* both PICs and the IOAPIC */

struct machine_state {
	struct kvm_irqchip chips[MACHINE_STATE_CHIPS];
	struct kvm_clock_data clock;
};

/* No vCPU runs. */
int machine_state_save(const struct machine *machine, struct machine_state *ret_state,
		       struct err *err) _must_check_;
/* The guest's clock goes on from where it was. The data may be anybody's: KVM checks it. */
int machine_state_load(const struct machine *machine, const struct machine_state *state,
		       struct err *err) _must_check_;

#endif
