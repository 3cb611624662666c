/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard streams of one process: FIFOs or files on the host's side, one vsock stream each on
 * the guest's, bytes spliced between them.
 *
 * For a FIFO both ends are held, so that a client may go away and come back: its reader sees the
 * end of stdout when the process has ended and its output is drained, the process sees the end of
 * stdin after stdio_close_stdin() once the clients have closed theirs and the FIFO is empty.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_STDIO_H
#define KATA_LIKE_SHIM_SANDBOX_STDIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "shim/sandbox/vsock-link.h"

struct stdio;
struct streams;

/*
 * "" (or NULL) for none, the path of a FIFO, "fifo:PATH", a stream (streams.h), or for outputs
 * file://PATH (appended to) and binary://PATH (logger.h), which takes both.
 */
struct stdio_paths {
	bool terminal; /* then there is no stderr, and one stream serves both ways */
	const char *in, *out, *err;
	const char *namespace, *id; /* what a logger is told */
};

/* Where the streams of a pod's processes come from. */
struct stdio_parts {
	struct loop *loop;
	struct vsock_link *link;
	uint32_t *next_port; /* ports for the guest to connect to are taken from here upwards */
	struct streams *streams;
};

/* Ports of the host's for the guest to connect to; 0 for none. */
struct stdio_ports {
	uint32_t in, out, err;
};

/*
 * Opens the paths and waits for the guest; the parts are borrowed. Fails with what is wrong with a
 * path (-ENOENT, -EINVAL for a scheme not known here, …).
 */
int stdio_new(const struct stdio_parts *parts, const struct stdio_paths *paths,
	      struct stdio **ret_stdio, struct err *err) _must_check_;
/* Closes everything, drained or not. NULL is fine. */
void stdio_free(struct stdio *stdio);

struct stdio_ports stdio_get_ports(const struct stdio *stdio);

/* Why a stream is not whole, the first that was not; "" while all are. Lives as long as stdio. */
const char *stdio_failure(const struct stdio *stdio);

/* No more clients will open stdin: its end is where those who have it open now stop. */
void stdio_close_stdin(struct stdio *stdio);

/*
 * Calls done once, from the loop or from within, when the clients of streams have read what the
 * ended process wrote, after five seconds without any of it, or after thirty. containerd gives up
 * such a stream as soon as it hears of the exit, where it would read a FIFO to its end; so it is to
 * hear later. Once, before stdio_drain().
 */
void stdio_settle(struct stdio *stdio, loop_fn *done, void *ctx);

/*
 * The process has ended: passes on the output that is still under way, then closes. done is called
 * once, from the loop or from within, when nothing is left to pass on; a stream that neither ends
 * nor brings anything for five seconds is given up, one whose reader is slow is not. Call once.
 */
void stdio_drain(struct stdio *stdio, loop_fn *done, void *ctx);

#endif
