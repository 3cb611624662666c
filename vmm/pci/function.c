/* SPDX-License-Identifier: Apache-2.0 */
/* A PCI function's configuration space: type 0 header, capabilities, BARs (PCI 3.0, 6). */
#include "vmm/pci/bus.h"

#include <assert.h>
#include <string.h>

#define CONFIG_VENDOR		0x00u
#define CONFIG_DEVICE		0x02u
#define CONFIG_COMMAND		0x04u
#define CONFIG_STATUS		0x06u
#define CONFIG_REVISION		0x08u
#define CONFIG_SUBCLASS		0x0au
#define CONFIG_CLASS		0x0bu
#define CONFIG_BAR		0x10u
#define CONFIG_SUBSYSTEM_VENDOR 0x2cu
#define CONFIG_SUBSYSTEM	0x2eu
#define CONFIG_CAPABILITIES	0x34u
#define CONFIG_INTERRUPT_LINE	0x3cu
#define CONFIG_HEADER_BYTES	0x40u

#define COMMAND_MEMORY	     0x0002u
#define COMMAND_BUS_MASTER   0x0004u
#define COMMAND_INTX_DISABLE 0x0400u
#define STATUS_CAPABILITIES  0x0010u

/* A PCI BAR has at least 4 bits that are not address bits. */
#define BAR_BYTES_MIN 16u

static void put(struct pci_function *fn, unsigned offset, uint32_t value, unsigned len)
{
	/* Configuration space is little-endian, as is every host that this runs on. */
	memcpy(fn->config + offset, &value, len);
}

static uint32_t get(const struct pci_function *fn, unsigned offset, unsigned len)
{
	uint32_t value = 0;

	memcpy(&value, fn->config + offset, len);
	return value;
}

void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops, uint16_t vendor,
		       uint16_t device, uint16_t subsystem, uint8_t class, uint8_t subclass,
		       uint8_t revision)
{
	/* Header type 0 of one function and interrupt pin 0 (no INTx) are the zeros left here. */
	*fn = (struct pci_function){ .ops = ops, .capability_end = CONFIG_HEADER_BYTES };
	put(fn, CONFIG_VENDOR, vendor, 2);
	put(fn, CONFIG_DEVICE, device, 2);
	put(fn, CONFIG_REVISION, revision, 1);
	put(fn, CONFIG_SUBCLASS, subclass, 1);
	put(fn, CONFIG_CLASS, class, 1);
	put(fn, CONFIG_SUBSYSTEM_VENDOR, vendor, 2);
	put(fn, CONFIG_SUBSYSTEM, subsystem, 2);
	pci_function_make_writable(fn, CONFIG_COMMAND,
				   COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE, 2);
	pci_function_make_writable(fn, CONFIG_INTERRUPT_LINE, 0xff, 1);
}

void pci_function_make_writable(struct pci_function *fn, unsigned offset, uint32_t mask,
				unsigned len)
{
	assert(len <= sizeof(mask) && offset + len <= PCI_CONFIG_BYTES);
	memcpy(fn->writable + offset, &mask, len);
}

unsigned pci_function_add_capability(struct pci_function *fn, uint8_t id, const void *body,
				     unsigned body_len)
{
	unsigned offset = fn->capability_end;
	unsigned link = CONFIG_CAPABILITIES;

	assert(offset + 2 + body_len <= PCI_CONFIG_BYTES);
	while (get(fn, link, 1) != 0)
		link = get(fn, link, 1) + 1;
	put(fn, link, offset, 1);
	put(fn, offset, id, 1);
	memcpy(fn->config + offset + 2, body, body_len);
	put(fn, CONFIG_STATUS, get(fn, CONFIG_STATUS, 2) | STATUS_CAPABILITIES, 2);
	fn->capability_end = (offset + 2 + body_len + 3) & ~3u;
	return offset;
}

void pci_function_add_bar(struct pci_function *fn, unsigned bar, uint32_t size_bytes)
{
	assert(bar < PCI_BARS_MAX && size_bytes >= BAR_BYTES_MIN &&
	       (size_bytes & (size_bytes - 1)) == 0);
	fn->bar_size[bar] = size_bytes;
	pci_function_make_writable(fn, CONFIG_BAR + 4 * bar, ~(size_bytes - 1), 4);
}

void pci_function_place_bar(struct pci_function *fn, unsigned bar, uint32_t address)
{
	put(fn, CONFIG_BAR + 4 * bar, address, 4);
}

gpa_t pci_function_bar(const struct pci_function *fn, unsigned bar)
{
	if (fn->bar_size[bar] == 0 || !(get(fn, CONFIG_COMMAND, 2) & COMMAND_MEMORY))
		return 0;
	return get(fn, CONFIG_BAR + 4 * bar, 4);
}

void pci_function_config_read(struct pci_function *fn, unsigned offset, void *dst, unsigned len)
{
	memset(dst, 0xff, len);
	if (offset >= PCI_CONFIG_BYTES)
		return;
	len = MIN(len, PCI_CONFIG_BYTES - offset);
	if (fn->ops->config_reading && offset + len > CONFIG_HEADER_BYTES)
		fn->ops->config_reading(fn, offset, len);
	memcpy(dst, fn->config + offset, len);
}

void pci_function_config_write(struct pci_function *fn, unsigned offset, const void *src,
			       unsigned len)
{
	const uint8_t *bytes = src;
	gpa_t before[PCI_BARS_MAX];

	if (offset >= PCI_CONFIG_BYTES)
		return;
	len = MIN(len, PCI_CONFIG_BYTES - offset);
	for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++)
		before[bar] = pci_function_bar(fn, bar);
	for (unsigned i = 0; i < len; i++) {
		uint8_t mask = fn->writable[offset + i];
		uint8_t *byte = &fn->config[offset + i];

		*byte = (uint8_t)((*byte & ~mask) | (bytes[i] & mask));
	}
	if (fn->ops->config_written && offset + len > CONFIG_HEADER_BYTES)
		fn->ops->config_written(fn, offset, len);
	if (!fn->ops->bar_moved)
		return;
	for (unsigned bar = 0; bar < PCI_BARS_MAX; bar++)
		if (pci_function_bar(fn, bar) != before[bar])
			fn->ops->bar_moved(fn, bar);
}
