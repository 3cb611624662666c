/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio PCI function as plain data: what the transport and its queues hold. Only devices that
 * hold nothing else can be saved, and only while they are at rest (struct virtio_device_ops).
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_STATE_H
#define KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_STATE_H

#include "vmm/virtio/virtio-pci-regs.h"

struct virtio_pci_saved {
	struct virtio_pci_state regs;
	struct msix_state msix;
	struct virtq_state queues[VIRTIO_QUEUES_MAX];
	uint64_t features;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t active;
	uint8_t padding[7];
};

/* With the device lock held. -EBUSY: not now; -ENOTSUP: never. */
int virtio_pci_save(const struct pci_function *fn, struct virtio_pci_saved *ret_saved,
		    struct err *err) _must_check_;

/*
 * Into a function of the same kind that no driver has seen yet. With the device lock held, on the
 * I/O thread. The data may be anybody's; -EINVAL where the queues do not lie in guest memory.
 */
int virtio_pci_load(struct pci_function *fn, const struct virtio_pci_saved *saved, struct err *err)
	_must_check_;

#endif
