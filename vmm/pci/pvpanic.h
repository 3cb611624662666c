/* SPDX-License-Identifier: Apache-2.0 */
/* The pvpanic device: a byte that the guest's kernel writes when it panics. */
#ifndef KATA_LIKE_VMM_PCI_PVPANIC_H
#define KATA_LIKE_VMM_PCI_PVPANIC_H

#include "lib/err.h"
#include "vmm/pci/bus.h"

/*
 * Puts the device on the bus, which owns it. panicked(ctx) is called each time the guest says that
 * its kernel panicked: on a vCPU thread, with the device lock held.
 */
int pvpanic_add(struct pci_bus *bus, void (*panicked)(void *ctx), void *ctx, struct err *err)
	_must_check_;

#endif
