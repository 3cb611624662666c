/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X: a function's table of interrupt vectors and its pending bits (PCI 3.0, 6.8.2). Each vector
 * is an eventfd that the interrupt controller turns into a message (struct interrupts). Called with
 * the device lock held, from any thread.
 */
#ifndef KATA_LIKE_VMM_PCI_MSIX_H
#define KATA_LIKE_VMM_PCI_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/ratelimit.h"
#include "vmm/pci/bus.h"
#include "vmm/pci/interrupt.h"

#define MSIX_VECTORS_MAX 32
#define MSIX_ENTRY_BYTES 16u
#define MSIX_PBA_BYTES	 8u /* one word of pending bits does for MSIX_VECTORS_MAX */

struct msix_entry {
	uint64_t address;
	uint32_t data;
	uint32_t control; /* bit 0: masked */
};

struct msix_vector {
	int event_fd;
	uint32_t source; /* of the interrupt controller */
	bool routed;	 /* to what `route` says; the guest may have changed the entry since */
	struct msix_entry route;
};

struct msix_state {
	struct msix_entry table[MSIX_VECTORS_MAX];
	uint64_t pending; /* one bit a vector: fired while masked */
	bool enabled, function_masked;
};

struct msix {
	struct pci_function *fn;
	struct interrupts *interrupts;
	unsigned capability; /* its offset in configuration space */
	unsigned n_vectors;
	struct msix_state state; /* all there is to save and load */
	struct msix_vector vectors[MSIX_VECTORS_MAX];
	struct ratelimit complaints;
};

/*
 * Adds the capability to fn, with the table and the pending bits at these offsets of bar, and
 * reserves an interrupt source for each vector. Nothing is routed before the guest unmasks a
 * vector. On failure nothing is left to release.
 */
int msix_init(struct msix *msix, struct pci_function *fn, struct interrupts *interrupts,
	      unsigned n_vectors, unsigned bar, uint32_t table_offset, uint32_t pba_offset,
	      struct err *err) _must_check_;
void msix_fini(struct msix *msix);

/* Whether an interrupt by that vector would be delivered now. Any number; false beyond the table.
 */
bool msix_is_open(const struct msix *msix, uint16_t vector);

/* Interrupts the guest, or notes it as pending while masked. A vector that is out of range:
 * nothing. */
void msix_fire(struct msix *msix, uint16_t vector);

/* Accesses to the table and the pending bits, relative to their start; any offset, len 1 to 8. */
void msix_table_read(const struct msix *msix, uint64_t offset, void *dst, unsigned len);
void msix_table_write(struct msix *msix, uint64_t offset, const void *src, unsigned len);
void msix_pba_read(const struct msix *msix, uint64_t offset, void *dst, unsigned len);

/* To be called after configuration space of fn was written. */
void msix_config_written(struct msix *msix);

#endif
