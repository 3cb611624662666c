/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/kvm itself: opening it, and whether it can do what this VMM needs. */
#ifndef KATA_LIKE_VMM_KVM_KVM_H
#define KATA_LIKE_VMM_KVM_KVM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/cleanup.h"
#include "lib/err.h"

#define KVM_DEVICE_PATH "/dev/kvm"

/* Something KVM may or may not be able to do. */
struct kvm_capability {
	int id; /* KVM_CAP_* */
	const char *name;
	const char *what; /* what we use it for */
	bool needed;	  /* false: used where it is there */
};

extern const struct kvm_capability kvm_capabilities[];
extern const size_t kvm_n_capabilities;

struct kvm {
	int fd;		  /* owned */
	size_t run_bytes; /* of a vCPU's shared area */
	unsigned max_cpus;
	bool coalesced_pio;
};

/*
 * Opens path. Returns the descriptor or -errno; the message says what to do about a device that is
 * missing, forbidden or busy.
 */
int kvm_open(const char *path, struct err *err) _must_check_;

/* Takes over fd (closed on failure too), checks the API version and every needed capability. */
int kvm_init(struct kvm *kvm, int fd, struct err *err) _must_check_;
void kvm_fini(struct kvm *kvm);

/* The value of KVM_CHECK_EXTENSION: 0 when it is missing. */
int kvm_capability(int kvm_fd, int id);

/* KVM_GET_API_VERSION: 0, or -ENOTTY with a message where fd is not /dev/kvm, -EPROTO otherwise. */
int kvm_check_api(int kvm_fd, struct err *err) _must_check_;

#endif
