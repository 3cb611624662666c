/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second eventfd for an MSI-X vector: another process writes it, and the guest is interrupted as
 * by the vector, without a thread of ours in between. Called with the device lock held.
 *
 * The tap is an interrupt source of its own that exists only while the vector is open, so what the
 * other process writes while the guest masks the vector goes nowhere; the guest gets one interrupt
 * when it opens the vector, needed or not. (The pending bit of such an interrupt does not show.)
 */
#ifndef KATA_LIKE_VMM_PCI_MSIX_TAP_H
#define KATA_LIKE_VMM_PCI_MSIX_TAP_H

#include "vmm/pci/msix.h"

struct msix_tap {
	struct msix *msix;
	int event_fd; /* borrowed; we never write or read it, as others may make that block */
	bool attached;
	uint32_t source;
	struct msix_entry route;
};

void msix_tap_init(struct msix_tap *tap, struct msix *msix, int event_fd);

/*
 * Brings the tap in line with the vector it belongs to, out of range for none: to be called after
 * each access that may have changed the vectors.
 */
void msix_tap_place(struct msix_tap *tap, uint16_t vector);

/* Before the msix is released. Fine on one that is all zero. */
void msix_tap_fini(struct msix_tap *tap);

#endif
