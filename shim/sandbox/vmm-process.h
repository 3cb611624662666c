/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMM as a child process: started with every file it will ever need as an inherited descriptor,
 * supervised until it ends, and questioned for the reason then.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_VMM_PROCESS_H
#define KATA_LIKE_SHIM_SANDBOX_VMM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/client.h"
#include "shim/rootfs/disk.h"

struct vmm_process;

/* A network interface of the VM. */
struct vmm_nic {
	const int *fds; /* taps, one a queue pair, or one socket (docs/NETWORK.md) */
	size_t n_fds;
	bool socket;
	uint8_t mac[6];
	uint32_t mtu;
};

/* What the VM is made of. Descriptors stay the caller's. */
struct vmm_config {
	int template_fd;		  /* goes on from there; -1: boots */
	int kernel_fd, initrd_fd, kvm_fd; /* the first two to boot only */
	int console_fd;			  /* -1: no serial console */
	int vsock_fd;			  /* the VMM's end of the vsock link */
	const char *cmdline;
	uint32_t cpus;
	uint64_t memory_bytes;
	const struct disk *disks;
	size_t n_disks;
	const struct vmm_nic *nics;
	size_t n_nics;
	const char *sandbox_id, *cpu_model;
	uint32_t first_user, n_users; /* as root: it becomes one of these users */
	int fs_fd;		      /* the file server's socket; -1: no shared folder */
	bool shared_memory;	      /* a shared folder may be added later */
	int cgroup_fd;		      /* where it is to be; -1: here */
	const char *log_path;	      /* the VMM's log, for later readers */
	bool debug;
};

/*
 * The VMM has ended and was reaped. killed: by SIGKILL, so by somebody from outside. reason is for
 * a person: how it ended, with the last error of its log.
 */
typedef void vmm_ended_fn(void *ctx, bool killed, const char *reason);

/* Starts kata-like-vmm. It dies with this process. */
int vmm_process_new(struct loop *loop, const struct vmm_config *config, vmm_ended_fn *ended,
		    void *ctx, struct vmm_process **ret_vmm, struct err *err) _must_check_;
/* Kills it if it still runs, and waits. NULL is fine. */
void vmm_process_free(struct vmm_process *vmm);

/* 0 once it has ended. */
pid_t vmm_process_pid(const struct vmm_process *vmm);

/*
 * Hands a descriptor, which stays the caller's, to the VMM for the next call that names the token.
 */
int vmm_process_send(struct vmm_process *vmm, int fd, uint64_t *ret_token, struct err *err)
	_must_check_;

/* Calls a method of vmm.proto, as ttrpc_client_call() does. */
int vmm_process_call(struct vmm_process *vmm, const char *method,
		     const ProtobufCMessageDescriptor *response, const ProtobufCMessage *request,
		     int64_t timeout_ms, ttrpc_done_fn *done, void *ctx, struct err *err)
	_must_check_;

/* Asks it to end the VM, and kills it when it has not within a second. ended is called as always.
 */
void vmm_process_stop(struct vmm_process *vmm);
/* Kills it now; ended is called as always. */
void vmm_process_kill(struct vmm_process *vmm);

#endif
