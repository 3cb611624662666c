/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates: a VM that has booted, in a file. A VM that starts from one has its memory mapped from
 * there, each page copied when it is written to, and goes on where the other one was.
 *
 * The file is what this build of this program wrote on this host, in its own structures: a header,
 * the machine, the vCPUs, the functions on the bus, and those parts of memory that are not zero.
 * Whoever can write to it owns the VM, as with a kernel's image; what is read is checked all the
 * same.
 */
#ifndef KATA_LIKE_VMM_TEMPLATE_TEMPLATE_H
#define KATA_LIKE_VMM_TEMPLATE_TEMPLATE_H

#include "vmm/kvm/machine.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/mem/guestmem.h"
#include "vmm/pci/bus.h"

/* The parts of a VM that a template has. All are the caller's. */
struct template_vm {
	struct guestmem *mem;
	struct machine *machine;
	struct pci_bus *bus;
	struct vcpus *vcpus;
};

struct template;

/*
 * Writes the VM, whose vCPUs are paused, to fd from where it stands (a file, or a pipe). With the
 * device lock held. -EBUSY: a device has something to do still, try again later. -ENOTSUP: one of
 * the devices can never be saved. Anything may have been written then.
 */
int template_save(const struct template_vm *vm, int fd, struct err *err) _must_check_;

/*
 * Reads all but the memory. fd, which stays the caller's, must live until template_load_memory().
 * -EINVAL: no template, one of another build, or cut short; the message names the file.
 */
int template_open(int fd, const char *name, struct template **ret_template, struct err *err)
	_must_check_;
void template_free(struct template *template);

/* The bytes of memory and the number of vCPUs that it is of. */
uint64_t template_memory_bytes(const struct template *template);
unsigned template_cpus(const struct template *template);

/* Fills fresh memory of that size: maps it where it is private, reads it where it is shared. */
int template_load_memory(const struct template *template, const struct guestmem *mem,
			 struct err *err) _must_check_;

/*
 * The rest, once the bus has the same functions in the same slots (more may be in others) and the
 * vCPUs are there. With the device lock held, on the I/O thread, before a vCPU runs.
 */
int template_load_state(const struct template *template, const struct template_vm *vm,
			struct err *err) _must_check_;

#endif
