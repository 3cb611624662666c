/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile peer of the shim's: stands between it and a ttrpc server that behaves, and answers one
 * method's calls as no server would.
 */
#ifndef KATA_LIKE_TESTS_UNIT_SHIM_MANGLER_H
#define KATA_LIKE_TESTS_UNIT_SHIM_MANGLER_H

#include "lib/loop.h"

/*
 * Takes over the shim's connection and returns the one for the server. how: KIND/METHOD, for
 * instance "twice/CreateContainer"; the kinds are listed in mangler.c. Lives as long as the
 * process, which a mistake in it ends.
 */
int mangler_new(struct loop *loop, int fd, const char *how);

/* Sends the shim what no VMM sends over the vsock link: 3000 connections, and malformed messages.
 */
void mangle_link(int link_fd);

#endif
