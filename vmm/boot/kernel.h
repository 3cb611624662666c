/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a kernel into guest memory: an ELF vmlinux with a PVH entry, or a bzImage. */
#ifndef KATA_LIKE_VMM_BOOT_KERNEL_H
#define KATA_LIKE_VMM_BOOT_KERNEL_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/bzimage.h"
#include "vmm/mem/guestmem.h"

enum kernel_kind {
	KERNEL_ELF,
	KERNEL_BZIMAGE,
};

struct kernel {
	enum kernel_kind kind;
	gpa_t entry;
	gpa_t end; /* the kernel uses memory up to here before it knows the memory map */
	struct bzimage bzimage; /* KERNEL_BZIMAGE only */
};

/*
 * Loads what fd (borrowed, a regular file) holds. name is for messages, each of which names it, the
 * cause and the remedy. -ENOEXEC: no kernel, or not one for this machine; -EINVAL: malformed or cut
 * short; -ENOSPC: guest memory is too small.
 */
int kernel_load(const struct guestmem *mem, int fd, const char *name, struct kernel *ret_kernel,
		struct err *err) _must_check_;

#endif
