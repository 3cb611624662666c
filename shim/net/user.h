/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network without any privilege: a program that speaks for the VM with sockets. That is
 * slirp4netns, or on demand passt, which is faster, but of which no version was found that brings
 * each TCP connection to its end: docs/NETWORK.md.
 */
#ifndef KATA_LIKE_SHIM_NET_USER_H
#define KATA_LIKE_SHIM_NET_USER_H

#include "lib/loop.h"
#include "shim/net/scan.h"

struct helper;

/* The guest's own little world; what it reaches outside sees the host's addresses. */
#define USER_ADDRESS  "10.0.2.15"
#define USER_PREFIX   "24"
#define USER_GATEWAY  "10.0.2.2"
#define USER_DNS      "10.0.2.3" /* hands questions on to the host's name servers */
#define USER_ADDRESS6 "fd00::15"
#define USER_PREFIX6  "64"
#define USER_GATEWAY6 "fe80::2"
#define USER_MTU      "65520"

/* What is asked of either program. */
struct user_request {
	const char *program; /* its name */
	const char *dir;     /* where it may make sockets, its own */
	const char *publish; /* "8080:80/tcp,5353:53/udp" */
	const char *log_path;
};

/* One of the programs. */
struct user_program {
	const char *name;
	/* The socket for the VM is the caller's (vmm/virtio/net-backend.h). */
	int (*start)(struct loop *loop, const char *path, const struct user_request *request,
		     struct helper **ret_helper, int *ret_fd, struct err *err);
};

extern const struct user_program user_passt, user_slirp;

/*
 * Starts the program. *ret_fd, the caller's, is the socket for the VM, *ret_interface what the
 * guest is to set. -ENOENT when it is not installed.
 */
int user_start(struct loop *loop, const struct user_request *request, struct helper **ret_helper,
	       int *ret_fd, struct scan_interface *ret_interface, struct err *err) _must_check_;

/* A published port, "8080:80/tcp". */
struct user_port {
	unsigned int host, guest;
	bool udp;
};

/* The next one of a list; false at its end. Start with *list at its beginning. */
bool user_next_port(const char **list, struct user_port *ret_port) _must_check_;

#endif
