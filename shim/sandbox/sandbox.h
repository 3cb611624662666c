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
#include "shim/sandbox/vsock-link.h"
#include "shim/state.h"

#define SANDBOX_DISKS_MAX 24

struct sandbox;

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
	void (*oom)(void *ctx, const char *container_id);
	void *ctx;
};

typedef void sandbox_boot_fn(void *ctx, const struct err *err);

/* state is borrowed. */
int sandbox_new(struct loop *loop, const struct state *state, bool debug,
		const struct sandbox_callbacks *callbacks, struct sandbox **ret_sandbox,
		struct err *err) _must_check_;
/* Kills the VM if there is one. Whatever uses its vsock link must be gone before. NULL is fine. */
void sandbox_free(struct sandbox *sandbox);

/*
 * Starts the VM with these disks, whose descriptors are the sandbox's from now on, also on failure.
 * done is called once, unless this fails itself: with an empty err when the agent serves, otherwise
 * after everything was ended (and after gone).
 */
int sandbox_boot(struct sandbox *sandbox, const struct guest *guest, const struct disk *disks,
		 size_t n_disks, sandbox_boot_fn *done, void *ctx, struct err *err) _must_check_;

/*
 * Ends the VM: lets the agent write back what is on writable disks, then stops it. done is called
 * once it is gone, maybe from within. Calling it again replaces done.
 */
void sandbox_stop(struct sandbox *sandbox, loop_fn *done, void *ctx);

enum sandbox_state sandbox_state(const struct sandbox *sandbox);
/* Why it failed; "" if it did not. */
const char *sandbox_failure(const struct sandbox *sandbox);
/* The VMM's process, or the last that it had. */
pid_t sandbox_pid(const struct sandbox *sandbox);
bool sandbox_has_disk(const struct sandbox *sandbox, const char *serial);

/* Valid from READY on, until the sandbox is freed. */
struct agent_client *sandbox_agent(struct sandbox *sandbox);
struct vsock_link *sandbox_link(struct sandbox *sandbox);
/* The counter that stdio ports are taken from. */
uint32_t *sandbox_next_port(struct sandbox *sandbox);

#endif
