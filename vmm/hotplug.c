/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that come and go while the VM runs. */
#include "vmm/hotplug.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"

/* Bus 0 of segment 0 is all there is, and a function's number is 0. */
void hotplug_format_address(unsigned slot, char ret_address[HOTPLUG_ADDRESS_BYTES])
{
	(void)snprintf(ret_address, HOTPLUG_ADDRESS_BYTES, "0000:00:%02x.0", slot & 0xffu);
}

/* Owns dev, on failure too. */
static int plug(struct vm *vm, struct virtio_device *dev, char ret_address[HOTPLUG_ADDRESS_BYTES],
		struct err *err)
{
	struct virtio_host host = vm_virtio_host(vm);
	struct pci_function *fn;
	int r;

	pthread_mutex_lock(&vm->lock);
	r = virtio_pci_add(&host, dev, &fn, err);
	if (r == 0) {
		vm->plugged_slots |= 1u << fn->slot;
		hotplug_format_address(fn->slot, ret_address);
		log_info("added a device at %s", ret_address);
	}
	pthread_mutex_unlock(&vm->lock);
	return r;
}

int hotplug_add_disk(struct vm *vm, struct vm_disk *disk, char ret_address[HOTPLUG_ADDRESS_BYTES],
		     struct err *err)
{
	struct virtio_device *dev;
	int r = vm_new_disk(vm, disk, &dev, err);

	return r == 0 ? plug(vm, dev, ret_address, err) : r;
}

int hotplug_add_fs(struct vm *vm, struct vm_fs *fs, char ret_address[HOTPLUG_ADDRESS_BYTES],
		   struct err *err)
{
	struct virtio_device *dev;
	int r = vm_new_fs(fs, &dev, err);

	return r == 0 ? plug(vm, dev, ret_address, err) : r;
}

int hotplug_add_net(struct vm *vm, struct net_config *net, char ret_address[HOTPLUG_ADDRESS_BYTES],
		    struct err *err)
{
	struct virtio_device *dev;
	int r = vm_new_net(vm, net, &dev, err);

	return r == 0 ? plug(vm, dev, ret_address, err) : r;
}

static struct pci_function *find(const struct vm *vm, const char *address)
{
	char at[HOTPLUG_ADDRESS_BYTES];

	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++) {
		hotplug_format_address(slot, at);
		if ((vm->plugged_slots & 1u << slot) && strcmp(at, address) == 0)
			return vm->bus.slots[slot];
	}
	return NULL;
}

int hotplug_remove(struct vm *vm, const char *address, bool force, struct err *err)
{
	struct pci_function *fn;
	int r = 0;

	pthread_mutex_lock(&vm->lock);
	fn = find(vm, address);
	if (!fn) {
		r = err_say(err, ENOENT, "no device was added at PCI address \"%s\"", address);
	} else if (!force && virtio_pci_is_driven(fn)) {
		r = err_say(err, EBUSY,
			    "the guest still uses the device at %s; remove it there first",
			    address);
	} else {
		vm->plugged_slots &= ~(1u << fn->slot);
		pci_bus_remove(&vm->bus, fn);
		log_info("removed the device at %s", address);
	}
	pthread_mutex_unlock(&vm->lock);
	return r;
}
