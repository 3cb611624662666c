/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small BPF program at the point where the kernel looks for the listener of a new TCP connection
 * in a network namespace: what is addressed to localhost, at any port, goes to one socket of ours.
 * No packet is changed, so the accepted socket's own address is the one that was asked for. It
 * lasts as long as the descriptor, and so never outlives the shim.
 */
#ifndef KATA_LIKE_SHIM_NET_SK_LOOKUP_H
#define KATA_LIKE_SHIM_NET_SK_LOOKUP_H

#include "lib/err.h"

/*
 * Takes connections to 127.0.0.0/8 for listener4 and to ::1 for listener6, both listening TCP
 * sockets in the namespace; -1 for none. *ret_link_fd is the caller's. -EPERM without CAP_BPF,
 * -EINVAL on a kernel before 5.9.
 */
int sk_lookup_attach(int netns_fd, int listener4, int listener6, int *ret_link_fd, struct err *err)
	_must_check_;

#endif
