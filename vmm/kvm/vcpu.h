/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual CPUs: each is a thread that runs guest code until the guest does something that only user
 * space can answer, and goes on.
 *
 * Theory of operation. All vCPUs of a VM share a gate. Its owner opens it (run), shuts it (pause)
 * or says stop; a vCPU looks at the gate before it enters the guest and whenever KVM_RUN was
 * interrupted. To get a vCPU out of the guest, the owner sets immediate_exit in the area shared
 * with KVM and then sends a signal whose handler does nothing: a vCPU in the guest is interrupted
 * by the signal, one on its way there by the flag. Nothing is lost in between. KVM finishes a
 * half-done port or memory access before it reports the interruption, so a parked vCPU's state is
 * complete.
 */
#ifndef KATA_LIKE_VMM_KVM_VCPU_H
#define KATA_LIKE_VMM_KVM_VCPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/boot/entry.h"
#include "vmm/kvm/machine.h"

/* Why a vCPU stopped for good. */
enum vcpu_end {
	VCPU_END_TRIPLE_FAULT,
	VCPU_END_INTERNAL_ERROR, /* detail: KVM's suberror */
	VCPU_END_ENTRY_FAILED,	 /* detail: the hardware's reason */
	VCPU_END_RUN_FAILED,	 /* detail: the errno of KVM_RUN */
	VCPU_END_UNKNOWN_EXIT,	 /* detail: KVM's exit reason */
};

/* What is counted. */
enum vcpu_exit {
	VCPU_EXIT_IO,
	VCPU_EXIT_MMIO,
	VCPU_EXIT_SIGNAL,
	VCPU_EXIT_OTHER,
	VCPU_EXITS,
};

/* The machine around the vCPUs. All are called on vCPU threads. */
struct vcpu_handlers {
	void *ctx;
	pthread_mutex_t *lock; /* held around the four accesses */
	/* len is 1, 2 or 4; dst is filled with ones before. cpu is the vCPU's number. */
	void (*port_read)(void *ctx, unsigned cpu, uint16_t port, void *dst, unsigned len);
	void (*port_write)(void *ctx, unsigned cpu, uint16_t port, const void *src, unsigned len);
	/* len is 1 to 8. */
	void (*mmio_read)(void *ctx, unsigned cpu, gpa_t gpa, void *dst, unsigned len);
	void (*mmio_write)(void *ctx, unsigned cpu, gpa_t gpa, const void *src, unsigned len);
	/* The first call on a vCPU's thread: takes away what it does not need. 0 or -errno; NULL:
	 * nothing. */
	int (*confine)(void *ctx);
	/* The vCPU will not run any more. Without the lock. */
	void (*ended)(void *ctx, unsigned cpu, enum vcpu_end why, uint64_t detail);
};

struct kvm_run;
struct kvm_coalesced_mmio_ring;
struct vcpu_gate;

struct vcpu {
	unsigned id;
	int fd; /* owned; -1 while there is none */
	struct kvm_run *run;
	size_t run_bytes;
	struct kvm_coalesced_mmio_ring *ring; /* of the whole VM, under the lock; NULL without */
	const struct vcpu_handlers *handlers;
	struct vcpu_gate *gate;
	pthread_t thread;
	bool started;
	atomic_ullong exits[VCPU_EXITS];
};

enum gate_state {
	GATE_OPEN,
	GATE_PAUSED,
	GATE_STOPPED,
};

struct vcpu_gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	enum gate_state state;
	unsigned n_running; /* vCPUs that are started and not parked */
};

struct vcpus {
	struct vcpu_gate gate;
	struct vcpu *list;
	unsigned n;
};

/*
 * Creates n vCPUs, the first of which starts at entry; the others wait until the guest starts them.
 * No thread runs yet. machine and handlers must outlive it.
 */
int vcpus_init(struct vcpus *vcpus, const struct machine *machine, unsigned n,
	       const struct vcpu_handlers *handlers, const struct boot_entry *entry,
	       struct err *err) _must_check_;
/* Stops what runs. Fine on what vcpus_init() refused or never saw (all zero). */
void vcpus_fini(struct vcpus *vcpus);

/* Starts the threads; the guest runs, unless vcpus_pause() came before. */
int vcpus_start(struct vcpus *vcpus, struct err *err) _must_check_;

/* Returns when no vCPU runs guest code any more. Not with the device lock held, not on a vCPU
 * thread. */
void vcpus_pause(struct vcpus *vcpus);
void vcpus_resume(struct vcpus *vcpus);

/*
 * Lets no vCPU execute another instruction, and does not wait for it: for vCPU threads and holders
 * of the device lock. There is no way back; vcpus_stop() still has to follow.
 */
void vcpus_halt(struct vcpus *vcpus);

/* Ends the threads and waits for them. The same callers as vcpus_pause(). */
void vcpus_stop(struct vcpus *vcpus);

bool vcpus_paused(struct vcpus *vcpus);

/* How often any vCPU came back to user space because of that. */
uint64_t vcpus_exits(const struct vcpus *vcpus, enum vcpu_exit exit);
/* "io", "mmio", "signal", "other". */
const char *vcpu_exit_name(enum vcpu_exit exit);

/* Logs the registers of a vCPU that does not run, as errors: for a VM that ended badly. */
void vcpu_log_registers(const struct vcpu *vcpu);

/* Where the instruction lies that the vCPU, which does not run, executes next. False: nowhere. */
bool vcpu_instruction(const struct vcpu *vcpu, gpa_t *ret_gpa) _must_check_;

#endif
