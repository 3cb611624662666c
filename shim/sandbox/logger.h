/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that takes a process's output: binary:///PATH?key=value&…, as containerd's shims start
 * it. It gets standard output as descriptor 3, standard error as 4, and as 5 a pipe that it closes
 * when it is ready; CONTAINER_ID and CONTAINER_NAMESPACE are its environment, keys and values its
 * arguments. It ends by itself once both outputs have ended.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_LOGGER_H
#define KATA_LIKE_SHIM_SANDBOX_LOGGER_H

#include "lib/err.h"
#include "lib/loop.h"

#define LOGGER_SCHEME "binary://"

/* Where the two outputs are to be written to: non-blocking, the caller's. */
struct logger_outputs {
	int out_fd, err_fd;
};

/*
 * Starts it; the loop reaps it whenever it ends. -EINVAL for a URI without an absolute path, and
 * what execve(2) says when it cannot be started.
 */
int logger_start(struct loop *loop, const char *uri, const char *namespace, const char *id,
		 struct logger_outputs *ret_outputs, struct err *err) _must_check_;

#endif
