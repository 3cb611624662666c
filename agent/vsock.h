/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of vsock: listening ports, and connections to ports of the host. */
#ifndef KATA_LIKE_AGENT_VSOCK_H
#define KATA_LIKE_AGENT_VSOCK_H

#include <stdint.h>

#include "lib/err.h"

/* A listening socket that accepts from the host only. */
int vsock_listen(uint32_t port, int *ret_fd, struct err *err) _must_check_;

/* A connection to that port of the host, waiting for it at most two seconds. */
int vsock_connect_host(uint32_t port, int *ret_fd, struct err *err) _must_check_;

/* A socket for the last words, made while there is room for one; negative where it cannot be. */
int vsock_reserve(void);

/*
 * Tells the host why the agent ends (VSOCK_PORT_LAST_WORDS), and waits until it has heard: by what
 * vsock_reserve() gave, or where that is negative by a new socket.
 */
void vsock_last_words(int reserved_fd, const char *text);

#endif
