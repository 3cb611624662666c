/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process's standard streams: pipes or a pseudoterminal on its side, streams of the outside on
 * ours, and the relays between them.
 */
#ifndef KATA_LIKE_AGENT_STDIO_H
#define KATA_LIKE_AGENT_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"

struct stdio;

/* The outside ends. -1 stands for none: the process gets /dev/null there. */
struct stdio_outside {
	bool terminal; /* then err_fd is unused, and in_fd and out_fd may be one socket (dup'ed) */
	bool direct;   /* the process gets the descriptors themselves, no relay */
	int in_fd, out_fd, err_fd;
};

#define STDIO_OUTSIDE_NONE ((struct stdio_outside){ .in_fd = -1, .out_fd = -1, .err_fd = -1 })

void stdio_outside_close(struct stdio_outside *outside);

/*
 * Makes the process's side, owned by uid and gid so that it can open /dev/stdout again. Takes over
 * the descriptors of outside, also on failure. null_fd (borrowed) is an open /dev/null.
 */
int stdio_new(struct loop *loop, struct stdio_outside *outside, int null_fd, uint32_t uid,
	      uint32_t gid, struct stdio **ret_stdio, struct err *err) _must_check_;
void stdio_free(struct stdio *stdio);

/*
 * The descriptors for the process's 0, 1 and 2, or -1 with a terminal (the process opens it
 * itself). Borrowed, for the time of the fork.
 */
void stdio_child_fds(const struct stdio *stdio, int ret_fds[3]);

/* Behind the fork: closes the process's side and starts the relays of pipes. */
int stdio_start(struct stdio *stdio, struct err *err) _must_check_;

/* Takes over the master of the process's terminal and starts its relays. */
int stdio_attach_terminal(struct stdio *stdio, int master_fd, struct err *err) _must_check_;

/* -ENOTTY without a terminal. */
int stdio_resize(struct stdio *stdio, uint32_t columns, uint32_t rows) _must_check_;

/* Calls fn once when the output that the process left behind has been handed over. */
void stdio_drain(struct stdio *stdio, loop_fn *fn, void *ctx);

#endif
