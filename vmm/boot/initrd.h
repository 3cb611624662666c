/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an initial RAM disk into guest memory. */
#ifndef KATA_LIKE_VMM_BOOT_INITRD_H
#define KATA_LIKE_VMM_BOOT_INITRD_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

struct initrd {
	gpa_t gpa;	     /* of a page */
	uint64_t size_bytes; /* 0: there is none */
};

/*
 * Reads all of fd (borrowed, a regular file) to as high as it fits in the lowest memory region, at
 * or above kernel_end and with no byte beyond last. name is for messages.
 */
int initrd_load(const struct guestmem *mem, int fd, const char *name, gpa_t kernel_end, gpa_t last,
		struct initrd *ret_initrd, struct err *err) _must_check_;

#endif
