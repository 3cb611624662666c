/* SPDX-License-Identifier: Apache-2.0 */
/* An interrupt controller for tests: it remembers what it was asked for. */
#ifndef KATA_LIKE_TESTS_UNIT_VMM_PCI_FAKE_INTERRUPTS_H
#define KATA_LIKE_TESTS_UNIT_VMM_PCI_FAKE_INTERRUPTS_H

#include <stdbool.h>

#include "vmm/pci/interrupt.h"

#define FAKE_SOURCES_MAX   64
#define FAKE_DOORBELLS_MAX 64

struct fake_source {
	bool used;
	int event_fd;
	unsigned n_routes; /* how often msi_route() was called */
	uint64_t address;
	uint32_t data;
};

struct fake_doorbell {
	gpa_t gpa; /* 0: none */
	int event_fd;
};

struct fake_interrupts {
	struct interrupts interrupts;
	unsigned sources_max; /* how many msi_add() gives out before it says -ENOSPC */
	struct fake_source sources[FAKE_SOURCES_MAX];
	struct fake_doorbell doorbells[FAKE_DOORBELLS_MAX];
};

void fake_interrupts_init(struct fake_interrupts *fake);
unsigned fake_interrupts_sources(const struct fake_interrupts *fake);
unsigned fake_interrupts_doorbells(const struct fake_interrupts *fake);
/* Stores 2 bytes as a guest would: true if a doorbell took it. */
bool fake_interrupts_ring(struct fake_interrupts *fake, gpa_t gpa);
/* How often the source's eventfd was written since the last call. */
unsigned fake_interrupts_taken(struct fake_interrupts *fake, unsigned source);

#endif
