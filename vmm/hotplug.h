/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that come and go while the VM runs. There is no hot-plug controller: the guest looks for
 * new functions when it is told to, and unbinds a function before it is taken away
 * (/sys/bus/pci/rescan, /sys/bus/pci/devices/ADDRESS/remove). On the main thread, without the lock.
 */
#ifndef KATA_LIKE_VMM_HOTPLUG_H
#define KATA_LIKE_VMM_HOTPLUG_H

#include "vmm/vm.h"

/* A PCI address as Linux writes it: "0000:00:05.0". */
#define HOTPLUG_ADDRESS_BYTES 13

/* Adds a device, whose descriptor is taken on failure too. -ENOSPC: no slot is free. */
int hotplug_add_disk(struct vm *vm, struct vm_disk *disk, char ret_address[HOTPLUG_ADDRESS_BYTES],
		     struct err *err) _must_check_;
int hotplug_add_fs(struct vm *vm, struct vm_fs *fs, char ret_address[HOTPLUG_ADDRESS_BYTES],
		   struct err *err) _must_check_;

int hotplug_add_net(struct vm *vm, struct net_config *net, char ret_address[HOTPLUG_ADDRESS_BYTES],
		    struct err *err) _must_check_;

/* The address of the function in a slot, as messages have it. */
void hotplug_format_address(unsigned slot, char ret_address[HOTPLUG_ADDRESS_BYTES]);

/*
 * Takes a device away and releases all that it had. -ENOENT: no device that was added while the VM
 * ran has that address. -EBUSY: a driver in the guest still has it, and force is not set.
 */
int hotplug_remove(struct vm *vm, const char *address, bool force, struct err *err) _must_check_;

#endif
