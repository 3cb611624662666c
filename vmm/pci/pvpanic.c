/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pvpanic device, as QEMU specifies it in docs/specs/pvpanic: PCI function 1b36:0011 with one
 * byte in BAR 0. Reads tell which events are understood; a write reports events.
 */
#include "vmm/pci/pvpanic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/ratelimit.h"

#define VENDOR_REDHAT  0x1b36
#define DEVICE_PVPANIC 0x0011

#define CLASS_SYSTEM   0x08
#define SUBCLASS_OTHER 0x80

#define EVENT_PANICKED	   1u
#define EVENT_CRASH_LOADED 2u /* it panicked, and its crash kernel takes over */

#define BAR_BYTES 4096u

struct pvpanic {
	struct pci_function fn;
	void (*panicked)(void *ctx);
	void *ctx;
	struct ratelimit complaints;
};

static void read_events(struct pci_function *fn, unsigned bar, uint64_t offset, void *dst,
			unsigned len)
{
	(void)fn, (void)bar;
	memset(dst, 0, len);
	if (offset == 0)
		*(uint8_t *)dst = EVENT_PANICKED | EVENT_CRASH_LOADED;
}

static void write_event(struct pci_function *fn, unsigned bar, uint64_t offset, const void *src,
			unsigned len)
{
	struct pvpanic *pvpanic = CONTAINER_OF(fn, struct pvpanic, fn);
	uint8_t events = *(const uint8_t *)src;

	(void)bar, (void)len;
	if (offset != 0)
		return;
	if ((events & EVENT_CRASH_LOADED) &&
	    ratelimit_allow(&pvpanic->complaints, clock_monotonic_ms(), NULL))
		log_warn("the guest's kernel panicked; its crash kernel takes over");
	if (events & EVENT_PANICKED)
		pvpanic->panicked(pvpanic->ctx);
}

static void pvpanic_free(struct pci_function *fn)
{
	free(CONTAINER_OF(fn, struct pvpanic, fn));
}

static const struct pci_function_ops pvpanic_ops = {
	.bar_read = read_events,
	.bar_write = write_event,
	.free = pvpanic_free,
};

int pvpanic_add(struct pci_bus *bus, void (*panicked)(void *ctx), void *ctx, struct err *err)
{
	_cleanup_free_ struct pvpanic *pvpanic = calloc(1, sizeof(*pvpanic));

	if (!pvpanic)
		return err_set(err, ENOMEM, "cannot make the pvpanic device");
	pvpanic->panicked = panicked;
	pvpanic->ctx = ctx;
	pvpanic->complaints = RATELIMIT_INIT(1, 1000);
	pci_function_init(&pvpanic->fn, &pvpanic_ops, VENDOR_REDHAT, DEVICE_PVPANIC, DEVICE_PVPANIC,
			  CLASS_SYSTEM, SUBCLASS_OTHER, 1);
	pci_function_add_bar(&pvpanic->fn, 0, BAR_BYTES);
	if (pci_bus_add(bus, &pvpanic->fn, err) < 0)
		return err_push(err, "cannot add the pvpanic device");
	(void)TAKE_PTR(pvpanic);
	return 0;
}
