/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox on disk: its folder, its socket, and who lives in it. What stands in the folder is
 *listed in lib/paths.h; beside that
 *	failure		one line: why the VM ended, when nobody asked it to
 */
#ifndef KATA_LIKE_SHIM_STATE_H
#define KATA_LIKE_SHIM_STATE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/paths.h"

#define STATE_ADDRESS_MAX 128

struct state {
	char namespace[128];
	char id[128]; /* the sandbox's */
	char dir[PATHS_MAX];
	char socket[PATHS_MAX];		 /* path of the shim's socket */
	char address[STATE_ADDRESS_MAX]; /* "unix://" and that path */
};

/*
 * Where the sandbox's things are. With containerd's address the socket is where containerd's shims
 * have theirs, otherwise in the folder. Touches nothing. -ENAMETOOLONG when the socket's path would
 * not fit.
 */
int state_locate(const char *namespace, const char *id, const char *containerd_address,
		 struct state *ret_state, struct err *err) _must_check_;

/* True if containerd manages the sandbox. */
bool state_is_containerds(const struct state *state);

/* The path of a file in the folder, into a buffer of PATHS_MAX. */
int state_file(const struct state *state, const char *name, char *ret_path, struct err *err)
	_must_check_;

/* Makes the folder (0700) and what is above it. -EACCES if another user could change it. */
int state_make(const struct state *state, struct err *err) _must_check_;

/*
 * Keeps other starts and deletes of the namespace out until ret_lock_fd, the caller's, is closed.
 * The namespace's folder must be there.
 */
int state_lock(const struct state *state, int *ret_lock_fd, struct err *err) _must_check_;

/*
 * True while the shim that owns the folder lives. One that was killed is waited for: whoever was
 * connected to it may know of its end before its process is gone.
 */
bool state_shim_lives(const struct state *state);

/*
 * Ends what a dead shim left: kills its VMM and unlinks its socket, pid files and address. The
 * bundle stays. The caller has made sure that the shim is dead.
 */
int state_clear(const struct state *state, struct err *err) _must_check_;

/* Unlinks the socket and removes the folder with all that is in it. */
int state_remove(const struct state *state, struct err *err) _must_check_;

#endif
