/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One PCI bus without bridges: configuration mechanism 1 (ports 0xcf8 to 0xcff) and the memory BARs
 * of its functions. Every access by the guest comes through the four functions at the end; any
 * size, alignment and offset is answered (what nobody owns reads as all ones).
 */
#ifndef KATA_LIKE_VMM_PCI_BUS_H
#define KATA_LIKE_VMM_PCI_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

#define PCI_SLOTS_MAX	 32
#define PCI_BARS_MAX	 6
#define PCI_CONFIG_BYTES 256
#define PCI_PORT_FIRST	 0xcf8
#define PCI_PORT_LAST	 0xcff

struct pci_function;

struct pci_function_ops {
	/* offset + len is within the BAR; len is 1 to 8. */
	void (*bar_read)(struct pci_function *fn, unsigned bar, uint64_t offset, void *dst,
			 unsigned len);
	void (*bar_write)(struct pci_function *fn, unsigned bar, uint64_t offset, const void *src,
			  unsigned len);
	/* Before bytes of the function's own capabilities are read: brings fn->config up to date.
	 * May be NULL. */
	void (*config_reading)(struct pci_function *fn, unsigned offset, unsigned len);
	/* After bytes of the function's own capabilities were written (MSI-X control). May be NULL.
	 */
	void (*config_written)(struct pci_function *fn, unsigned offset, unsigned len);
	/* The guest turned memory decoding on or off, or moved a BAR. May be NULL. */
	void (*bar_moved)(struct pci_function *fn, unsigned bar);
	void (*free)(struct pci_function *fn);
};

/* Embedded in each function; filled in by pci_function_init() and its helpers. */
struct pci_function {
	const struct pci_function_ops *ops;
	uint8_t slot;
	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES]; /* which bits a guest may change */
	uint32_t bar_size[PCI_BARS_MAX];    /* a power of two, 0 for none */
	unsigned capability_end;	    /* where the next capability goes */
};

struct pci_bus {
	struct pci_function *slots[PCI_SLOTS_MAX];
	uint32_t address;		/* the CONFIG_ADDRESS register */
	gpa_t window_start, window_end; /* where BARs are placed: each slot has an equal share */
};

void pci_bus_init(struct pci_bus *bus, gpa_t window_start, gpa_t window_end);
/* Frees every function. */
void pci_bus_fini(struct pci_bus *bus);

void pci_function_init(struct pci_function *fn, const struct pci_function_ops *ops, uint16_t vendor,
		       uint16_t device, uint16_t subsystem, uint8_t class, uint8_t subclass,
		       uint8_t revision);
/*
 * Adds a capability; body is what follows its id and next, which the guest cannot change until
 * pci_function_make_writable(). Returns its offset.
 */
unsigned pci_function_add_capability(struct pci_function *fn, uint8_t id, const void *body,
				     unsigned body_len);
/* Lets the guest change the bits of mask in the len (1 to 4) bytes at offset. */
void pci_function_make_writable(struct pci_function *fn, unsigned offset, uint32_t mask,
				unsigned len);
/* A 32-bit, non-prefetchable memory BAR. */
void pci_function_add_bar(struct pci_function *fn, unsigned bar, uint32_t size_bytes);
/* Sets a BAR's address, size-aligned. For the bus. */
void pci_function_place_bar(struct pci_function *fn, unsigned bar, uint32_t address);
/* The address that the guest (or, before it, we) gave the BAR; 0 while memory decoding is off. */
gpa_t pci_function_bar(const struct pci_function *fn, unsigned bar);

/*
 * What the guest reads and writes of a function's configuration space; any offset and len. Beyond
 * the end reads as ones. For the bus, and for tests.
 */
void pci_function_config_read(struct pci_function *fn, unsigned offset, void *dst, unsigned len);
void pci_function_config_write(struct pci_function *fn, unsigned offset, const void *src,
			       unsigned len);

/* Gives the function the lowest free slot and its BARs addresses; owns it on success. -ENOSPC. */
int pci_bus_add(struct pci_bus *bus, struct pci_function *fn, struct err *err) _must_check_;
/* Takes the function away and frees it. */
void pci_bus_remove(struct pci_bus *bus, struct pci_function *fn);

/* port is PCI_PORT_FIRST to PCI_PORT_LAST; len 1, 2 or 4. */
void pci_bus_port_read(struct pci_bus *bus, uint16_t port, void *dst, unsigned len);
void pci_bus_port_write(struct pci_bus *bus, uint16_t port, const void *src, unsigned len);
/* False if no BAR is there. len 1 to 8. */
bool pci_bus_mmio_read(struct pci_bus *bus, gpa_t gpa, void *dst, unsigned len);
bool pci_bus_mmio_write(struct pci_bus *bus, gpa_t gpa, const void *src, unsigned len);

#endif
