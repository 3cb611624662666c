/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's state as plain data. */
#include "vmm/kvm/machine-state.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "lib/syscalls.h"

SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_IRQCHIP),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, KVM_GET_CLOCK));

int machine_state_save(const struct machine *machine, struct machine_state *ret_state,
		       struct err *err)
{
	*ret_state = (struct machine_state){ 0 };
	for (uint32_t i = 0; i < MACHINE_STATE_CHIPS; i++) {
		ret_state->chips[i].chip_id = i;
		if (ioctl(machine->fd, KVM_GET_IRQCHIP, &ret_state->chips[i]) < 0)
			return err_set(err, errno, "KVM_GET_IRQCHIP");
	}
	return ioctl(machine->fd, KVM_GET_CLOCK, &ret_state->clock) < 0
		       ? err_set(err, errno, "KVM_GET_CLOCK")
		       : 0;
}

int machine_state_load(const struct machine *machine, const struct machine_state *state,
		       struct err *err)
{
	const struct kvm_clock_data clock = { .clock = state->clock.clock };

	for (uint32_t i = 0; i < MACHINE_STATE_CHIPS; i++)
		if (ioctl(machine->fd, KVM_SET_IRQCHIP, &state->chips[i]) < 0)
			return err_set(err, errno, "KVM_SET_IRQCHIP");
	return ioctl(machine->fd, KVM_SET_CLOCK, &clock) < 0 ? err_set(err, errno, "KVM_SET_CLOCK")
							     : 0;
}
