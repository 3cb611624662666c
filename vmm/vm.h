/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual machine: its memory, buses, devices and vCPUs, from creation to its end.
 *
 * Threads: the main thread runs the loop, on which devices do their I/O; each vCPU has a thread.
 * One lock, `lock`, covers every device and both buses. It is taken around a guest's port and
 * memory accesses and in device callbacks on the loop, and never held while something waits for a
 * vCPU.
 */
#ifndef KATA_LIKE_VMM_VM_H
#define KATA_LIKE_VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "vmm/boot/boot.h"
#include "vmm/jail/jail.h"
#include "vmm/kvm/interrupts.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/machine.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/x86/model.h"
#include "vmm/legacy/console.h"
#include "vmm/mem/guestmem.h"
#include "vmm/pci/bus.h"
#include "vmm/virtio/block-ring.h"
#include "vmm/virtio/io-thread.h"
#include "vmm/virtio/net.h"
#include "vmm/virtio/virtio-pci.h"

#define VM_DISKS_MAX 24u
#define VM_FS_MAX    4u
#define VM_NETS_MAX  8u

/* Why a VM is over. The values are the VMM's exit status, but for VM_END_STOPPED, which is 0 as
 * well. */
enum vm_end {
	VM_END_SHUTDOWN = 0,	   /* the guest reset the machine, which is how it shuts down */
	VM_END_PANIC = 3,	   /* the guest's kernel said that it panicked */
	VM_END_TRIPLE_FAULT = 4,   /* an exception while handling an exception while handling one */
	VM_END_INTERNAL_ERROR = 5, /* KVM cannot go on: it met what it cannot execute */
	VM_END_ENTRY_FAILED = 6,   /* the CPU refused to enter the guest */
	VM_END_HOST_ERROR = 7,	   /* a system call failed that must not */
	VM_END_STOPPED = 100,	   /* we were asked to */
};

struct vm_disk {
	int fd; /* taken by vm_init() */
	bool read_only;
	const char *id; /* serial number, at most 20 bytes count; may be "" */
};

struct vm_fs {
	int fd;		 /* connected to the file server; taken by vm_init() */
	const char *tag; /* what the guest mounts by */
};

struct vm_config {
	int kvm_fd; /* taken by vm_init() */
	unsigned cpus;
	uint64_t memory_bytes;
	struct boot_config
		boot; /* descriptors stay the caller's, who may close them after vm_init() */
	struct vm_disk disks[VM_DISKS_MAX];
	size_t n_disks;
	struct vm_fs fs[VM_FS_MAX];
	size_t n_fs;
	bool hotplug;			     /* further disks may come while it runs */
	struct net_config nets[VM_NETS_MAX]; /* descriptors are taken by vm_init() */
	size_t n_nets;
	bool shared_memory; /* which file servers need; those in fs[] have it in any case */
	bool vsock;
	int vsock_link_fd, vsock_uds_fd; /* taken; the second may be -1 */
	bool rng;
	bool pvpanic;
	enum cpu_model cpu_model;
	const struct jail *jail; /* outlives the VM; NULL: none */
	int template_fd;	 /* stays the caller's; -1: boot. Then there is no console. */
	const char *template_name;
	bool console; /* below: what console_init() needs; descriptors stay the caller's */
	int console_out_fd, console_in_fd;
	bool console_bounded, console_escape;
};

struct vm {
	struct loop *loop;
	pthread_mutex_t lock;
	struct kvm kvm;
	struct machine machine;
	struct guestmem mem;
	struct kvm_interrupts interrupts;
	struct pci_bus bus;
	struct block_rings rings;
	struct io_threads threads;
	const struct jail *jail;
	uint32_t plugged_slots; /* of the bus: whose functions vmm/hotplug.h may take away; a bit
				   each */
	struct console console;
	struct vcpu_handlers handlers;
	struct vcpus vcpus;
	int end_fd; /* an eventfd that wakes the loop when the VM is over */
	struct loop_source *end_source;
	pthread_mutex_t end_lock; /* of the three below */
	bool ended;
	enum vm_end end;
	char end_text[160];
	unsigned accessing_cpu; /* which vCPU is in a device; under the lock */
	int end_cpu;		/* whose registers tell more; -1: nobody's */
};

/*
 * Makes the VM with the kernel loaded, ready to run. Takes the descriptors named so above on
 * failure too. vm must not move afterwards; the loop must outlive it. Messages name object, cause
 * and remedy.
 */
int vm_init(struct vm *vm, struct loop *loop, struct vm_config *config, struct err *err)
	_must_check_;
void vm_fini(struct vm *vm);

/*
 * Runs guest and loop until the VM is over, and logs how it ended: as information where that was to
 * be expected, else as errors with the registers. 0 with *ret_end, or -errno where it could not
 * start.
 */
int vm_run(struct vm *vm, enum vm_end *ret_end, struct err *err) _must_check_;

/* Ends the VM because of a request from outside; why is for the log. Any thread, with or without
 * lock. */
void vm_stop(struct vm *vm, const char *why);

/* What devices of this VM stand on. */
struct virtio_host vm_virtio_host(struct vm *vm);

/* A device that is on no bus yet. Takes the descriptor, on failure too. */
int vm_new_disk(struct vm *vm, struct vm_disk *disk, struct virtio_device **ret_dev,
		struct err *err) _must_check_;
int vm_new_fs(struct vm_fs *fs, struct virtio_device **ret_dev, struct err *err) _must_check_;

int vm_new_net(struct vm *vm, struct net_config *net, struct virtio_device **ret_dev,
	       struct err *err) _must_check_;

/* Stops and continues the vCPUs. Main thread, without the lock. */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/*
 * Writes the VM to fd as a template (vmm/template/template.h), paused meanwhile. Main thread,
 * without the lock.
 */
int vm_save_template(struct vm *vm, int fd, struct err *err) _must_check_;

/* The process's exit status. */
int vm_end_status(enum vm_end end);

/* Ends the VM from within; cpu -1: no vCPU caused it. Any thread, with or without lock. The first
 * counts. */
void vm_over(struct vm *vm, enum vm_end end, int cpu, const char *fmt, ...) _printf_(4, 5);

#endif
