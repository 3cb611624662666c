/* SPDX-License-Identifier: Apache-2.0 */
/* A process's terminal, from the container's own devpts. */
#ifndef KATA_LIKE_AGENT_CONTAINER_TERMINAL_H
#define KATA_LIKE_AGENT_CONTAINER_TERMINAL_H

#include "oci/spec.h"

/*
 * Opens a pair in the devpts of the container whose root is root_fd, of the size that the process
 * asks for, owned by its user. Both close-on-exec and the caller's.
 */
int terminal_open(int root_fd, const struct oci_process *process, int *ret_master_fd,
		  int *ret_slave_fd, struct err *err) _must_check_;

/* Makes the terminal the standard streams of the caller, a session leader, and its controlling one.
 */
int terminal_take(int slave_fd, struct err *err) _must_check_;

#endif
