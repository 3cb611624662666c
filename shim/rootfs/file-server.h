/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file server of a pod: the distribution's virtiofsd as a child process, which confines itself
 * to the folder that it shares.
 */
#ifndef KATA_LIKE_SHIM_ROOTFS_FILE_SERVER_H
#define KATA_LIKE_SHIM_ROOTFS_FILE_SERVER_H

#include <sys/types.h>

#include "lib/err.h"
#include "lib/loop.h"

struct file_server;

/* It has ended, for what reason ever. */
typedef void file_server_ended_fn(void *ctx, const char *reason);

struct file_server_config {
	int cgroup_fd;	       /* where it is to be; -1: here */
	int ns_fd;	       /* the mount namespace of the shared folder; the caller's */
	const char *program;   /* its path; "": the distribution's */
	const char *state_dir; /* of the sandbox; what it says goes to virtiofsd.log there */
};

/*
 * Starts it; -ENOENT names where it was looked for and what to install. ret_socket_fd, the
 * caller's, is for the VMM: a stream socket that waits for the server to take it. It dies with this
 * process, and when the VMM closes its end.
 */
int file_server_new(struct loop *loop, const struct file_server_config *config,
		    file_server_ended_fn *ended, void *ctx, struct file_server **ret_server,
		    int *ret_socket_fd, struct err *err) _must_check_;
/*
 * Waits for its end, for which the VMM must have closed its socket; after half a second it is
 * killed. NULL is fine.
 */
void file_server_free(struct file_server *server);

/* 0 once it has ended. */
pid_t file_server_pid(const struct file_server *server);

#endif
