/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates of VMs: a VM that has booted and waits for its first container, kept in a file of the
 * cache, from which further VMs start. One file is of one kernel, initramfs, command line, size and
 * processor, and of one build of the VMM.
 *
 * A VM that starts from one gets entropy and the time with its first request, as each VM does: it
 * shares nothing with its siblings but what its kernel and agent had drawn while they booted.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_TEMPLATE_H
#define KATA_LIKE_SHIM_SANDBOX_TEMPLATE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/job.h"
#include "shim/sandbox/guest.h"
#include "shim/state.h"

/*
 * Says in guest->template_path which template goes with it: none if it has a console, say, or the
 * configuration forbids it. Looks at its files, the VMM and the host.
 */
void template_choose(struct guest *guest);

/*
 * Opens it; the descriptor is the caller's. -ENOENT, without a message: there is none yet, and one
 * can be made. -ENOTSUP, likewise: none was chosen, or the host cannot start from one.
 */
int template_open(const struct guest *guest, int *ret_fd) _must_check_;

struct template_request {
	const struct guest *guest;
	const struct state *state; /* of the sandbox that it is made for, whose log gets the VM's */
};

/*
 * Makes the template: a job's work (shim/job.h), whose input is a struct template_request. Where
 * another shim is making it, this returns at once, without one. -ETIMEDOUT, -ECONNRESET: the VM did
 * not come up, or ended; so would one that boots. Whatever else fails is in nobody's way.
 */
int template_make(const void *request, struct job_output *output, struct err *err) _must_check_;

#endif
