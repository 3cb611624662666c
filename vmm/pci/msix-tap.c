/* SPDX-License-Identifier: Apache-2.0 */
/* A second eventfd for an MSI-X vector. */
#include "vmm/pci/msix-tap.h"

#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"

void msix_tap_init(struct msix_tap *tap, struct msix *msix, int event_fd)
{
	*tap = (struct msix_tap){ .msix = msix, .event_fd = event_fd };
}

static void detach(struct msix_tap *tap)
{
	struct interrupts *interrupts = tap->msix->interrupts;

	if (tap->attached)
		interrupts->ops->msi_remove(interrupts, tap->source, tap->event_fd);
	tap->attached = false;
}

static bool is_placed(const struct msix_tap *tap, const struct msix_entry *entry)
{
	return tap->attached && tap->route.address == entry->address &&
	       tap->route.data == entry->data;
}

static int attach(struct msix_tap *tap, const struct msix_entry *entry)
{
	struct interrupts *interrupts = tap->msix->interrupts;
	int r = 0;

	if (!tap->attached)
		r = interrupts->ops->msi_add(interrupts, tap->event_fd, &tap->source);
	if (r < 0)
		return r;
	tap->attached = true;
	tap->route = *entry;
	return interrupts->ops->msi_route(interrupts, tap->source, entry->address, entry->data);
}

void msix_tap_place(struct msix_tap *tap, uint16_t vector)
{
	struct msix *msix = tap->msix;
	bool was_attached = tap->attached;
	const struct msix_entry *entry;
	int r;

	if (!msix_is_open(msix, vector)) {
		detach(tap);
		return;
	}
	entry = &msix->state.table[vector];
	if (is_placed(tap, entry))
		return;
	r = attach(tap, entry);
	if (r < 0 && ratelimit_allow(&msix->complaints, clock_monotonic_ms(), NULL))
		log_warn("pci slot %u: cannot route interrupt vector %u: %s", msix->fn->slot,
			 vector, strerror(-r));
	if (!was_attached)
		msix_fire(msix, vector);
}

void msix_tap_fini(struct msix_tap *tap)
{
	if (tap->msix)
		detach(tap);
	*tap = (struct msix_tap){ 0 };
}
