/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio PCI transport: modern only, MSI-X only (virtio 1.2, 4.1). */
#ifndef KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_H
#define KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_H

#include "vmm/pci/bus.h"
#include "vmm/pci/interrupt.h"
#include "vmm/virtio/device.h"

/* What the devices of one VM share. */
struct virtio_host {
	const struct guestmem *mem;
	struct pci_bus *bus;
	struct interrupts *interrupts;
	struct loop *loop;
	pthread_mutex_t *lock;
};

/*
 * Puts dev behind a PCI function on the bus, with an eventfd for each queue's notifications (a
 * doorbell) and one for each MSI-X vector. Owns dev from the call on, even when it fails.
 * ret_function may be NULL; it stays the bus's.
 */
int virtio_pci_add(const struct virtio_host *host, struct virtio_device *dev,
		   struct pci_function **ret_function, struct err *err) _must_check_;

/* The device behind a function of the bus; NULL if it is not one of these. */
struct virtio_device *virtio_pci_device(const struct pci_function *fn);

/* Whether a driver has the function (it said so, and did not reset it since) and may use it. */
bool virtio_pci_is_driven(const struct pci_function *fn);

#endif
