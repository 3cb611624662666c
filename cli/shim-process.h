/* SPDX-License-Identifier: Apache-2.0 */
/* The shim as a program: started and cleaned up after as containerd does it. */
#ifndef KATA_LIKE_CLI_SHIM_PROCESS_H
#define KATA_LIKE_CLI_SHIM_PROCESS_H

#include "cli/cli.h"
#include "cli/record.h"
#include "lib/loop.h"

/*
 * Runs `containerd-shim-kata-like-v2 … start` in the record's bundle, in a session of its own, and
 * gives the address it prints (PATHS_MAX bytes). When it fails, what it wrote is the error. It is
 * never interrupted half-way: it is short, and only a started shim can be ended in order.
 */
int shim_process_start(const struct cli *cli, struct loop *loop, const struct record *record,
		       char *ret_address, struct err *err) _must_check_;

/*
 * Runs `… delete`, which cleans up what a dead shim has left (VMM, mounts, socket, folder) and does
 * nothing to a living one.
 */
int shim_process_delete(const struct cli *cli, struct loop *loop, const struct record *record,
			const char *bundle, struct err *err) _must_check_;

/* Kills the shim that shim.pid names, for one that does not answer. -ESRCH when it is gone. */
int shim_process_kill(const struct record *record, struct err *err) _must_check_;

#endif
