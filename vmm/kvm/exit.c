/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's port and memory accesses become. */
#include "vmm/kvm/exit.h"

#include <linux/kvm.h>
#include <string.h>

#define RING_ENTRIES                                                     \
	((GUESTMEM_PAGE_SIZE - sizeof(struct kvm_coalesced_mmio_ring)) / \
	 sizeof(struct kvm_coalesced_mmio))

/*
 * Writes that KVM kept instead of exiting come before the access that did exit. With the lock held,
 * by any vCPU: the ring is the VM's, and the kernel is its only writer.
 */
static void drain(struct vcpu *vcpu)
{
	struct kvm_coalesced_mmio_ring *ring = vcpu->ring;
	const struct vcpu_handlers *to = vcpu->handlers;

	if (!ring)
		return;
	while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
		struct kvm_coalesced_mmio *write = &ring->coalesced_mmio[ring->first];

		to->port_write(to->ctx, vcpu->id, (uint16_t)write->phys_addr, write->data,
			       MIN(write->len, 4u));
		__atomic_store_n(&ring->first, (ring->first + 1) % (uint32_t)RING_ENTRIES,
				 __ATOMIC_RELEASE);
	}
}

void exit_drain(struct vcpu *vcpu)
{
	pthread_mutex_lock(vcpu->handlers->lock);
	drain(vcpu);
	pthread_mutex_unlock(vcpu->handlers->lock);
}

void exit_io(struct vcpu *vcpu)
{
	const struct vcpu_handlers *to = vcpu->handlers;
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned len = run->io.size;

	/* A string instruction (rep ins, rep outs) comes as count accesses to one port. */
	pthread_mutex_lock(to->lock);
	drain(vcpu);
	for (uint32_t i = 0; i < run->io.count; i++, data += len) {
		if (run->io.direction == KVM_EXIT_IO_OUT) {
			to->port_write(to->ctx, vcpu->id, run->io.port, data, len);
		} else {
			memset(data, 0xff, len);
			to->port_read(to->ctx, vcpu->id, run->io.port, data, len);
		}
	}
	pthread_mutex_unlock(to->lock);
}

void exit_mmio(struct vcpu *vcpu)
{
	const struct vcpu_handlers *to = vcpu->handlers;
	struct kvm_run *run = vcpu->run;
	unsigned len = MIN(run->mmio.len, (uint32_t)sizeof(run->mmio.data));

	pthread_mutex_lock(to->lock);
	drain(vcpu);
	if (run->mmio.is_write) {
		to->mmio_write(to->ctx, vcpu->id, run->mmio.phys_addr, run->mmio.data, len);
	} else {
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		to->mmio_read(to->ctx, vcpu->id, run->mmio.phys_addr, run->mmio.data, len);
	}
	pthread_mutex_unlock(to->lock);
}
