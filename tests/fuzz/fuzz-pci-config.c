/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI bus with pvpanic and a function with MSI-X. Input: operations of 12 bytes: what to do
 * (1), length (1), port or offset (2), value or address (8).
 */
#include <stdlib.h>

#include "lib/log.h"
#include "tests/fuzz/input.h"
#include "tests/unit/vmm/pci/fake-interrupts.h"
#include "vmm/pci/bus.h"
#include "vmm/pci/msix.h"
#include "vmm/pci/pvpanic.h"

#define WINDOW_START 0xe0000000ull
#define WINDOW_END   0xf0000000ull
#define BAR_BYTES    4096u
#define N_VECTORS    5u
#define OPS_MAX	     256

struct target {
	struct pci_function fn;
	struct msix msix;
};

static struct target target;
static struct fake_interrupts irq;

static void bar_read(struct pci_function *fn, unsigned bar, uint64_t offset, void *dst,
		     unsigned len)
{
	FUZZ_CHECK(fn == &target.fn && bar == 0 && len >= 1 && len <= 8);
	FUZZ_CHECK(offset + len <= BAR_BYTES);
	if (offset & 0x800)
		msix_pba_read(&target.msix, offset & 0x7ff, dst, len);
	else
		msix_table_read(&target.msix, offset, dst, len);
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t offset, const void *src,
		      unsigned len)
{
	FUZZ_CHECK(fn == &target.fn && bar == 0 && len >= 1 && len <= 8);
	FUZZ_CHECK(offset + len <= BAR_BYTES);
	msix_table_write(&target.msix, offset, src, len);
}

static void config_written(struct pci_function *fn, unsigned offset, unsigned len)
{
	FUZZ_CHECK(fn == &target.fn && offset + len <= PCI_CONFIG_BYTES);
	msix_config_written(&target.msix);
}

static void release(struct pci_function *fn)
{
	FUZZ_CHECK(fn == &target.fn);
	msix_fini(&target.msix);
}

static const struct pci_function_ops ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_written = config_written,
	.free = release,
};

static void ignore(void *ctx)
{
	(void)ctx;
}

static void run(struct pci_bus *bus, struct fuzz_input *input)
{
	uint8_t op = fuzz_take8(input);
	uint8_t len = fuzz_take8(input);
	uint16_t where = fuzz_take16(input);
	uint64_t value = fuzz_take64(input);
	uint16_t port = (uint16_t)(PCI_PORT_FIRST + where % 8);
	unsigned port_len = 1u << len % 3;
	unsigned slot = where >> 15;
	gpa_t bar = bus->slots[slot] ? pci_function_bar(bus->slots[slot], 0) : 0;
	gpa_t gpa = op & 0x80 ? value : bar + where % (BAR_BYTES + 8);
	uint8_t bytes[8];

	switch (op % 5) {
	case 0:
		pci_bus_port_read(bus, port, bytes, port_len);
		break;
	case 1:
		pci_bus_port_write(bus, port, &value, port_len);
		break;
	case 2:
		(void)pci_bus_mmio_read(bus, gpa, bytes, 1 + len % 8);
		break;
	case 3:
		(void)pci_bus_mmio_write(bus, gpa, &value, 1 + len % 8);
		break;
	default:
		msix_fire(&target.msix, where);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct pci_bus bus;

	log_init("fuzz", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	fake_interrupts_init(&irq);
	pci_bus_init(&bus, WINDOW_START, WINDOW_END);
	pci_function_init(&target.fn, &ops, 1, 2, 3, 4, 5, 6);
	pci_function_add_bar(&target.fn, 0, BAR_BYTES);
	FUZZ_CHECK(msix_init(&target.msix, &target.fn, &irq.interrupts, N_VECTORS, 0, 0, 0x800,
			     NULL) == 0);
	FUZZ_CHECK(pci_bus_add(&bus, &target.fn, NULL) == 0);
	FUZZ_CHECK(pvpanic_add(&bus, ignore, NULL, NULL) == 0);
	for (int i = 0; i < OPS_MAX && input.left > 0; i++)
		run(&bus, &input);
	/* The identity and the structure of the header are not the guest's to change. */
	FUZZ_CHECK(target.fn.config[0] == 1 && target.fn.config[2] == 2);
	FUZZ_CHECK(target.fn.config[0x0e] == 0 && target.fn.config[0x34] == 0x40);
	pci_bus_fini(&bus);
	FUZZ_CHECK(fake_interrupts_sources(&irq) == 0);
	return 0;
}
