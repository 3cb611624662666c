/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of the host that stands for one in the guest: its number is the pid that clients are
 * told, its namespaces are the pod's, it is in the pod's cgroup, and it ends when what it stands
 * for ends, with the same status. A signal that it gets is passed on.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_HOLDER_H
#define KATA_LIKE_SHIM_SANDBOX_HOLDER_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"
#include "lib/loop.h"

struct holder;

struct holder_config {
	int netns_fd;  /* to join; -1 to stay */
	int cgroup_fd; /* to be in; -1 to stay */
};

/* Somebody sent the process a signal; SIGKILL has ended it. */
typedef void holder_signal_fn(void *ctx, int signal_number);

/* Starts one. It dies with this process. */
int holder_new(struct loop *loop, const struct holder_config *config, holder_signal_fn *signalled,
	       void *ctx, struct holder **ret_holder, struct err *err) _must_check_;
pid_t holder_pid(const struct holder *holder);
/* Ends and reaps it, with this status (0 to 255). NULL is fine. */
void holder_end(struct holder *holder, uint32_t exit_status);

#endif
