/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that must lie in guest memory before the first instruction. */
#ifndef KATA_LIKE_VMM_BOOT_BOOT_H
#define KATA_LIKE_VMM_BOOT_BOOT_H

#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/entry.h"
#include "vmm/mem/guestmem.h"

struct boot_config {
	int kernel_fd;
	const char *kernel_name; /* for messages */
	int initrd_fd;		 /* -1: none */
	const char *initrd_name;
	const char *cmdline; /* without CMDLINE_MACHINE, which is put in front */
	unsigned cpus;
	bool isa_interrupts; /* a device uses one */
};

/* Fills fresh guest memory; descriptors stay the caller's. Messages name object, cause and remedy.
 */
int boot_load(const struct guestmem *mem, const struct boot_config *config,
	      struct boot_entry *ret_entry, struct err *err) _must_check_;

#endif
