/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's command line: what this machine needs, and what the caller asks for. */
#ifndef KATA_LIKE_VMM_BOOT_CMDLINE_H
#define KATA_LIKE_VMM_BOOT_CMDLINE_H

#include <stddef.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

/*
 * Put in front of every command line, so that any kernel finds this machine's hardware:
 *
 *	pci=conf1	there is no host bridge for the kernel to recognise configuration mechanism
 *1 by (a function that costs exits and does nothing), so say that it is there pci=noearly	no
 *chipset quirks are looked for: two exits for each of the 32 slots reboot=k	the keyboard
 *controller's reset line is how this machine ends
 *
 * The caller's words come behind and so win where both name the same parameter.
 */
#define CMDLINE_MACHINE "pci=conf1,noearly reboot=k"

/* Joins both to ret_line, NUL included. -E2BIG if that is more than max_bytes; the message names
 * both. */
int cmdline_build(const char *wanted, size_t max_bytes, char *ret_line, struct err *err)
	_must_check_;

/* Writes the line, which has at most LAYOUT_CMDLINE_MAX bytes, to LAYOUT_CMDLINE. */
int cmdline_write(const struct guestmem *mem, const char *line, struct err *err) _must_check_;

#endif
