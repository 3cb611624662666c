/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces from outside. What is opened in one (a netlink socket, a tap, a listening
 * socket) stays in it whoever uses it later, so only the opening happens inside, in a short-lived
 * thread; the shim itself never leaves its own.
 */
#ifndef KATA_LIKE_SHIM_NET_NETNS_H
#define KATA_LIKE_SHIM_NET_NETNS_H

#include "lib/err.h"

struct nl_sock;

/* Opens a network namespace by its path. -EINVAL when it is something else. */
int netns_open(const char *path, int *ret_fd, struct err *err) _must_check_;
/* A new, empty one, which lives as long as the descriptor or a process in it. lo is up in it. */
int netns_new(int *ret_fd, struct err *err) _must_check_;

typedef int netns_fn(void *ctx, struct err *err);
/* Calls fn in a thread that is in the namespace, and returns what it returned. */
int netns_do(int netns_fd, netns_fn *fn, void *ctx, struct err *err) _must_check_;

/* A socket for libnl-route, in the namespace. The caller's, for nl_socket_free(). */
int netns_rtnl(int netns_fd, struct nl_sock **ret_sock, struct err *err) _must_check_;

/* Sets lo up, as in a VM: port-forward needs it. */
int netns_loopback_up(int netns_fd, struct err *err) _must_check_;

/* Records an error of libnl's; returns the -errno nearest to it. */
int nl_err_set(struct err *err, int nl_error, const char *fmt, ...) _printf_(3, 4);

#endif
