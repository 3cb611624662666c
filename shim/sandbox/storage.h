/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod's containers have of the host: disks of the VM and what the file server shares. It
 * counts who uses what. A container's part is prepared and given to the VM before it is made, and
 * taken back when it is gone; the file server starts with the first that needs it.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_STORAGE_H
#define KATA_LIKE_SHIM_SANDBOX_STORAGE_H

#include "lib/err.h"
#include "lib/loop.h"
#include "lib/settings/settings.h"
#include "shim/rootfs/prepare.h"
#include "shim/sandbox/place.h"
#include "shim/sandbox/sandbox.h"
#include "shim/sandbox/turns.h"
#include "shim/state.h"

struct storage;

/* err is empty where it succeeded. Never called from within the call that began it. */
typedef void storage_done_fn(void *ctx, const struct err *err);

/* state, place and sandbox are borrowed. */
int storage_new(struct loop *loop, const struct state *state, const struct place *place,
		struct sandbox *sandbox, struct storage **ret_storage, struct err *err)
	_must_check_;
/* The calls of the VM must be over, so its sandbox freed. NULL is fine. */
void storage_free(struct storage *storage);

/* Ends the file server, and with it all that it shared. */
void storage_end(struct storage *storage);

/* The turn in which a container is prepared, plugged and made; see turns.h. */
struct turn *storage_take_turn(struct storage *storage, loop_fn *fn, void *ctx) _must_check_;

/*
 * Opens and shares on the host what the plan says, for a container that has the turn. mounts are a
 * snapshotter's. ret_prepared is filled when done succeeds, and stays the caller's; its disks are
 * then the storage's, to be given to the VM by storage_boot() or storage_plug().
 */
int storage_prepare(struct storage *storage, const char *container_id, const struct plan *plan,
		    KataLike__Task__Mount *const *mounts, size_t n_mounts,
		    struct prepared *ret_prepared, storage_done_fn *done, void *ctx,
		    struct err *err) _must_check_;
/* Stops a preparation that is under way; done is not called. */
void storage_cancel(struct storage *storage);

/*
 * The parts of a VM that is about to boot: what was prepared and is not in it yet. The descriptors
 * are the callee's of sandbox_boot().
 */
int storage_boot(struct storage *storage, const struct settings *settings,
		 struct sandbox_parts *ret_parts, struct err *err) _must_check_;

/* The VM was not started with them after all. */
void storage_boot_failed(struct storage *storage);

/* Plugs into the running VM what was prepared and is not in it yet. */
void storage_plug(struct storage *storage, storage_done_fn *done, void *ctx);

/*
 * Takes back what only this container had, in a turn of its own. done may be NULL. What cannot be
 * taken from the guest stays in the VM, and the log says so. Without anything to take back done is
 * called from within.
 */
void storage_release(struct storage *storage, const char *container_id, loop_fn *done, void *ctx);

/* The VM is gone: ends whatever waits for the guest. */
void storage_abandon(struct storage *storage);

#endif
