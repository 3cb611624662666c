/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp listener (runtime-spec 1.2, "The Seccomp Process State"): who waits at a socket for the
 * descriptor through which a filter's SCMP_ACT_NOTIFY is answered. The socket's path is one of the
 * guest's.
 */
#ifndef KATA_LIKE_AGENT_CONTAINER_LISTENER_H
#define KATA_LIKE_AGENT_CONTAINER_LISTENER_H

#include "oci/state.h"

/* Connects to the listener; *ret_fd is close-on-exec and the caller's. -ENOENT, -ECONNREFUSED, … */
int listener_connect(const char *path, int *ret_fd, struct err *err) _must_check_;

/*
 * What the listener is sent with the descriptor, as JSON: the state of the process pid in a
 * container of that state, both as numbered where the listener is. The caller's to free; NULL when
 * there is no memory.
 */
char *listener_message(const struct oci_spec *spec, const struct oci_state *state, pid_t pid);

#endif
