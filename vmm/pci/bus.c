/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus: who answers an access to configuration space or to a BAR (PCI 3.0, 3.2.2.3.2). */
#include "vmm/pci/bus.h"

#include <errno.h>
#include <string.h>

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu

#define ADDRESS_ENABLE 0x80000000u

void pci_bus_init(struct pci_bus *bus, gpa_t window_start, gpa_t window_end)
{
	*bus = (struct pci_bus){ .window_start = window_start, .window_end = window_end };
}

void pci_bus_fini(struct pci_bus *bus)
{
	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++)
		if (bus->slots[slot])
			pci_bus_remove(bus, bus->slots[slot]);
}

/*
 * A slot always has the same part of the window, so that nothing needs to be remembered about
 * functions that were removed, wherever the guest had put their BARs.
 */
static int place_bars(const struct pci_bus *bus, unsigned slot, struct pci_function *fn)
{
	gpa_t share = (bus->window_end - bus->window_start) / PCI_SLOTS_MAX & ~(gpa_t)0xfff;
	gpa_t next = bus->window_start + slot * share, end = next + share;

	for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++) {
		gpa_t size = fn->bar_size[bar];
		gpa_t at = size ? (next + size - 1) & ~(size - 1) : 0;

		if (size == 0)
			continue;
		if (at + size > end || at > UINT32_MAX)
			return -ENOSPC;
		pci_function_place_bar(fn, bar, (uint32_t)at);
		next = at + size;
	}
	return 0;
}

int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, struct err *err)
{
	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++) {
		if (bus->slots[slot])
			continue;
		if (place_bars(bus, slot, fn) < 0)
			return err_say(err, ENOSPC, "the BARs of PCI slot %u do not fit", slot);
		fn->slot = (uint8_t)slot;
		bus->slots[slot] = fn;
		return 0;
	}
	return err_say(err, ENOSPC, "all %d PCI slots are taken", PCI_SLOTS_MAX);
}

void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn)
{
	bus->slots[fn->slot] = NULL;
	fn->ops->free(fn);
}

/* The function that the address register selects, or NULL: one bus, single-function devices. */
static struct pci_function *addressed(const struct pci_bus *bus)
{
	uint32_t bus_number = bus->address >> 16 & 0xff;
	uint32_t slot = bus->address >> 11 & 0x1f;
	uint32_t function = bus->address >> 8 & 0x7;

	if (!(bus->address & ADDRESS_ENABLE) || bus_number != 0 || function != 0)
		return NULL;
	return bus->slots[slot];
}

void pci_bus_port_read(struct pci_bus *bus, uint16_t port, void *dst, unsigned len)
{
	struct pci_function *fn;

	memset(dst, 0xff, len);
	if (port >= PORT_ADDRESS && port < PORT_DATA) {
		unsigned skip = port - PORT_ADDRESS;

		memcpy(dst, (const uint8_t *)&bus->address + skip, MIN(len, 4 - skip));
		return;
	}
	fn = addressed(bus);
	if (!fn || port < PORT_DATA || port > PCI_PORT_LAST)
		return;
	len = MIN(len, PCI_PORT_LAST + 1u - port);
	pci_function_config_read(fn, (bus->address & 0xfc) + port - PORT_DATA, dst, len);
}

void pci_bus_port_write(struct pci_bus *bus, uint16_t port, const void *src, unsigned len)
{
	struct pci_function *fn;

	/* Only a whole-word access reaches the register; the bytes beside are other devices' ports.
	 */
	if (port == PORT_ADDRESS && len == 4) {
		memcpy(&bus->address, src, len);
		return;
	}
	fn = addressed(bus);
	if (!fn || port < PORT_DATA || port > PCI_PORT_LAST)
		return;
	len = MIN(len, PCI_PORT_LAST + 1u - port);
	pci_function_config_write(fn, (bus->address & 0xfc) + port - PORT_DATA, src, len);
}

/* The function with a BAR that holds all of [gpa, gpa + len), or NULL. */
static struct pci_function *find_bar(const struct pci_bus *bus, gpa_t gpa, unsigned len,
				     unsigned *ret_bar, uint64_t *ret_offset)
{
	for (unsigned slot = 0; slot < PCI_SLOTS_MAX; slot++) {
		struct pci_function *fn = bus->slots[slot];

		for (unsigned bar = 0; fn && bar < PCI_BARS_MAX; bar++) {
			gpa_t at = pci_function_bar(fn, bar);
			uint64_t offset = gpa - at;

			if (at == 0 || gpa < at || offset >= fn->bar_size[bar] ||
			    len > fn->bar_size[bar] - offset)
				continue;
			*ret_bar = bar;
			*ret_offset = offset;
			return fn;
		}
	}
	return NULL;
}

bool pci_bus_mmio_read(struct pci_bus *bus, gpa_t gpa, void *dst, unsigned len)
{
	unsigned bar;
	uint64_t offset;
	struct pci_function *fn = find_bar(bus, gpa, len, &bar, &offset);

	if (fn)
		fn->ops->bar_read(fn, bar, offset, dst, len);
	else
		memset(dst, 0xff, len);
	return fn != NULL;
}

bool pci_bus_mmio_write(struct pci_bus *bus, gpa_t gpa, const void *src, unsigned len)
{
	unsigned bar;
	uint64_t offset;
	struct pci_function *fn = find_bar(bus, gpa, len, &bar, &offset);

	if (fn)
		fn->ops->bar_write(fn, bar, offset, src, len);
	return fn != NULL;
}
