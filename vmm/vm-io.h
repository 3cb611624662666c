/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which port and which address leads where. What nobody owns reads as all ones and swallows writes;
 * that is not worth a line of log, for a guest could ask for as many as it likes.
 */
#ifndef KATA_LIKE_VMM_VM_IO_H
#define KATA_LIKE_VMM_VM_IO_H

#include "vmm/vm.h"

/* Sets vm->handlers, which vCPUs are created with. */
void vm_io_init(struct vm *vm);

/* The first thing that each thread of vm->threads does; ctx is the VM. 0, or -errno: it ends. */
int vm_io_confine(void *ctx);

#endif
