/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod's virtual machine: the VMM process, the connection to the agent and the disks. It is
 *booted once and then goes one way:
 *
 *	NOTHING -> BOOTING -> READY -> STOPPING -> GONE
 *
 * From any state but the last it falls to GONE when the VM fails; the reason is then kept, also in
 *the file `failure` of the sandbox's folder.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_SANDBOX_H
#define KATA_LIKE_SHIM_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/rootfs/disk.h"
#include "shim/sandbox/agent-client.h"
#include "shim/sandbox/guest.h"
#include "shim/sandbox/turns.h"
#include "shim/sandbox/vsock-link.h"
#include "shim/state.h"

#define SANDBOX_DISKS_MAX 24

struct sandbox;
struct vmm_process;

enum sandbox_state {
	SANDBOX_NOTHING,
	SANDBOX_BOOTING,
	SANDBOX_READY,
	SANDBOX_STOPPING,
	SANDBOX_GONE,
};

struct sandbox_callbacks {
	/*
	 * The VM is over. reason is NULL when sandbox_stop() asked for it. killed: by SIGKILL from
	 * outside. Calls to the agent fail from here on.
	 */
	void (*gone)(void *ctx, bool killed, const char *reason);
	/* Processes of a container were killed for want of memory, so many until now. */
	void (*oom)(void *ctx, const char *container_id, uint64_t kills);
	void *ctx;
};

/* What a VM gets of the host beside its kernel. */
struct sandbox_parts {
	struct disk disks[SANDBOX_DISKS_MAX];
	size_t n_disks;
	int fs_fd;	    /* the file server's socket, -1: no shared folder */
	bool shared_memory; /* so that a shared folder can be added later */
	int cgroup_fd;	    /* where the VMM is to be, so that all of the guest's memory is
			     * charged there; the caller's; -1: here */
};

typedef void sandbox_boot_fn(void *ctx, const struct err *err);

/* state is borrowed. */
int sandbox_new(struct loop *loop, const struct state *state, bool debug,
		const struct sandbox_callbacks *callbacks, struct sandbox **ret_sandbox,
		struct err *err) _must_check_;
/*
 * Once the VM serves, its network changes the VM's devices in these turns only, which outlive the
 * sandbox.
 */
void sandbox_take_turns(struct sandbox *sandbox, struct turns *turns);
/* Kills the VM if there is one. Whatever uses its vsock link must be gone before. NULL is fine. */
void sandbox_free(struct sandbox *sandbox);

/*
 * Starts the VM with these parts, whose descriptors are the sandbox's from now on, also on failure.
 * done is called once, unless this fails itself: with an empty err when the agent serves, otherwise
 * after everything was ended (and after gone).
 */
int sandbox_boot(struct sandbox *sandbox, const struct guest *guest,
		 const struct sandbox_parts *parts, sandbox_boot_fn *done, void *ctx,
		 struct err *err) _must_check_;

/*
 * Ends the VM: lets the agent write back what it can write to, then stops it. done is called
 * once it is gone, maybe from within. Calling it again replaces done.
 */
void sandbox_stop(struct sandbox *sandbox, loop_fn *done, void *ctx);

/* Ends a VM that lacks something which it cannot do without. */
void sandbox_fail(struct sandbox *sandbox, const struct err *why);

/*
 * Looks at the pod's network now, and calls done, with an empty err, when the guest has what is
 * there; maybe from within.
 */
void sandbox_settle_network(struct sandbox *sandbox, sandbox_boot_fn *done, void *ctx);

/* Such a guest would start from a template (template.h), and there is none yet. */
bool sandbox_lacks_template(const struct sandbox *sandbox, const struct guest *guest);

enum sandbox_state sandbox_state(const struct sandbox *sandbox);
/* Why it failed; "" if it did not. */
const char *sandbox_failure(const struct sandbox *sandbox);
/* The VMM's process, or the last that it had. */
pid_t sandbox_pid(const struct sandbox *sandbox);
/* The guest was given something to write to: it must write back before the end. */
void sandbox_note_writes(struct sandbox *sandbox);

/* Valid from READY on, until the sandbox is freed. */
struct vmm_process *sandbox_vmm(struct sandbox *sandbox);
struct agent_client *sandbox_agent(struct sandbox *sandbox);
struct vsock_link *sandbox_link(struct sandbox *sandbox);
/* The counter that stdio ports are taken from. */
uint32_t *sandbox_next_port(struct sandbox *sandbox);

#endif
