/* SPDX-License-Identifier: Apache-2.0 */
/* passt, which gives the VM a network without any privilege: it speaks for the VM with sockets. */
#ifndef KATA_LIKE_SHIM_NET_PASST_H
#define KATA_LIKE_SHIM_NET_PASST_H

#include "lib/loop.h"
#include "shim/net/scan.h"

struct passt;

/* The name server that the guest asks; passt hands its questions on to the host's. */
#define PASST_DNS "10.0.2.3"

/*
 * Starts passt with ports ("8080:80/tcp,…") published, and its log in a file. *ret_fd is the
 * caller's: the stream socket for the VM; passt ends when that is closed. *ret_interface is what
 * the guest is to set.
 */
int passt_start(struct loop *loop, const char *publish, const char *log_path,
		struct passt **ret_passt, int *ret_fd, struct scan_interface *ret_interface,
		struct err *err) _must_check_;
/* Whether it still runs; -EIO with what it said when it ended. */
int passt_check(const struct passt *passt, struct err *err) _must_check_;
/* Ends it if it still runs. NULL is fine. */
void passt_free(struct passt *passt);

#endif
