/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X: the vector table, masking, and pending interrupts. */
#include "vmm/pci/msix.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, eventfd2));

#define CAPABILITY_ID 0x11u

#define CONTROL_OFFSET	      2u /* within the capability */
#define CONTROL_FUNCTION_MASK 0x4000u
#define CONTROL_ENABLE	      0x8000u

#define ENTRY_MASKED 1u

_Static_assert(sizeof(struct msix_entry) == MSIX_ENTRY_BYTES, "PCI 3.0, 6.8.2.6");
_Static_assert(MSIX_VECTORS_MAX <= 64, "one word of pending bits");

static void release_vectors(struct msix *msix, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct msix_vector *vector = &msix->vectors[i];

		msix->interrupts->ops->msi_remove(msix->interrupts, vector->source,
						  vector->event_fd);
		close(vector->event_fd);
	}
	msix->n_vectors = 0;
}

static int reserve_vector(struct msix *msix, struct msix_vector *vector)
{
	_cleanup_fd_ int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r;

	if (event_fd < 0)
		return -errno;
	r = msix->interrupts->ops->msi_add(msix->interrupts, event_fd, &vector->source);
	if (r < 0)
		return r;
	vector->event_fd = TAKE_FD(event_fd);
	return 0;
}

int msix_init(struct msix *msix, struct pci_function *fn, struct interrupts *interrupts,
	      unsigned n_vectors, unsigned bar, uint32_t table_offset, uint32_t pba_offset,
	      struct err *err)
{
	struct {
		uint16_t control;
		uint32_t table, pba;
	} __attribute__((packed)) body = {
		.control = (uint16_t)(n_vectors - 1),
		.table = table_offset | bar,
		.pba = pba_offset | bar,
	};

	assert(n_vectors >= 1 && n_vectors <= MSIX_VECTORS_MAX);
	*msix = (struct msix){ .fn = fn, .interrupts = interrupts, .n_vectors = n_vectors };
	msix->complaints = RATELIMIT_INIT(1, 1000);
	for (unsigned i = 0; i < n_vectors; i++) {
		int r = reserve_vector(msix, &msix->vectors[i]);

		if (r < 0) {
			release_vectors(msix, i);
			return err_set(err, -r, "cannot reserve interrupt vector %u", i);
		}
		msix->state.table[i].control = ENTRY_MASKED;
	}
	msix->capability = pci_function_add_capability(fn, CAPABILITY_ID, &body, sizeof(body));
	pci_function_make_writable(fn, msix->capability + CONTROL_OFFSET,
				   CONTROL_ENABLE | CONTROL_FUNCTION_MASK, 2);
	return 0;
}

void msix_fini(struct msix *msix)
{
	release_vectors(msix, msix->n_vectors);
}

static bool is_masked(const struct msix *msix, unsigned vector)
{
	return msix->state.function_masked || (msix->state.table[vector].control & ENTRY_MASKED);
}

bool msix_is_open(const struct msix *msix, uint16_t vector)
{
	return msix->state.enabled && vector < msix->n_vectors && !is_masked(msix, vector);
}

static void deliver(struct msix *msix, unsigned vector)
{
	uint64_t one = 1;

	/* Only a counter at its limit refuses, and then an interrupt is on its way already. */
	(void)!write(msix->vectors[vector].event_fd, &one, sizeof(one));
}

/*
 * Routes vectors when the guest lets them through, rather than when it writes their entries: it
 * writes an entry in several steps, and a change of routes is expensive.
 */
static void route(struct msix *msix, unsigned index)
{
	struct msix_vector *vector = &msix->vectors[index];
	const struct msix_entry *entry = &msix->state.table[index];
	int r;

	if (vector->routed && vector->route.address == entry->address &&
	    vector->route.data == entry->data)
		return;
	r = msix->interrupts->ops->msi_route(msix->interrupts, vector->source, entry->address,
					     entry->data);
	vector->routed = r == 0;
	vector->route = *entry;
	if (r < 0 && ratelimit_allow(&msix->complaints, clock_monotonic_ms(), NULL))
		log_warn("pci slot %u: cannot route interrupt vector %u to address %#llx: %s",
			 msix->fn->slot, index, (unsigned long long)entry->address, strerror(-r));
}

/* After the guest changed an entry or the function's control word. */
static void update(struct msix *msix, unsigned vector)
{
	uint64_t bit = 1ull << vector;

	if (!msix->state.enabled || is_masked(msix, vector))
		return;
	route(msix, vector);
	if (msix->state.pending & bit) {
		msix->state.pending &= ~bit;
		deliver(msix, vector);
	}
}

void msix_fire(struct msix *msix, uint16_t vector)
{
	if (!msix->state.enabled || vector >= msix->n_vectors)
		return;
	if (is_masked(msix, vector))
		msix->state.pending |= 1ull << vector;
	else
		deliver(msix, vector);
}

/* Copies what lies within [0, size) and reads the rest as zeros. */
static void read_part(const void *src, uint64_t size, uint64_t offset, void *dst, unsigned len)
{
	memset(dst, 0, len);
	if (offset < size)
		memcpy(dst, (const uint8_t *)src + offset, MIN((uint64_t)len, size - offset));
}

void msix_table_read(const struct msix *msix, uint64_t offset, void *dst, unsigned len)
{
	read_part(msix->state.table, MSIX_ENTRY_BYTES * msix->n_vectors, offset, dst, len);
}

void msix_pba_read(const struct msix *msix, uint64_t offset, void *dst, unsigned len)
{
	read_part(&msix->state.pending, sizeof(msix->state.pending), offset, dst, len);
}

void msix_table_write(struct msix *msix, uint64_t offset, const void *src, unsigned len)
{
	uint64_t size = MSIX_ENTRY_BYTES * msix->n_vectors;

	if (offset >= size)
		return;
	len = (unsigned)MIN((uint64_t)len, size - offset);
	memcpy((uint8_t *)msix->state.table + offset, src, len);
	/* An unaligned write may touch two entries. */
	for (uint64_t i = offset / MSIX_ENTRY_BYTES; i * MSIX_ENTRY_BYTES < offset + len; i++) {
		msix->state.table[i].control &= ENTRY_MASKED;
		update(msix, (unsigned)i);
	}
}

void msix_config_written(struct msix *msix)
{
	uint16_t control;

	memcpy(&control, msix->fn->config + msix->capability + CONTROL_OFFSET, sizeof(control));
	msix->state.enabled = control & CONTROL_ENABLE;
	msix->state.function_masked = control & CONTROL_FUNCTION_MASK;
	for (unsigned i = 0; i < msix->n_vectors; i++)
		update(msix, i);
}
