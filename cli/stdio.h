/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard streams of one process in a container: FIFOs between us and the shim, and the relays
 * between them and our own descriptors 0 to 2.
 *
 * Order of calls: stdio_new() before Create or Exec, stdio_connect() after it has succeeded, and
 * stdio_free() at the end, which removes the FIFOs.
 */
#ifndef KATA_LIKE_CLI_STDIO_H
#define KATA_LIKE_CLI_STDIO_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"

struct stdio;

struct stdio_config {
	const char *folder; /* where the FIFOs go */
	const char *prefix; /* of their names: "" for init, the exec id and '-' for an exec */
	bool with_stdin;
	bool terminal;		   /* then there is no stream for stderr */
	int in_fd, out_fd, err_fd; /* our ends: 0, 1 and 2 but in tests */

	/* Our stdin has ended and all of it is handed over: the time for CloseIO. */
	void (*stdin_ended)(void *ctx);
	/* A stream from the container has ended; result as in relay.h. */
	void (*output_ended)(void *ctx, bool is_stderr, int result);
	void *ctx;
};

/* Makes and opens the FIFOs; output flows from now on. config's texts are copied. */
int stdio_new(struct loop *loop, const struct stdio_config *config, struct stdio **ret_stdio,
	      struct err *err) _must_check_;
/* The shim has opened its ends: stdin flows from now on. */
int stdio_connect(struct stdio *stdio, struct err *err) _must_check_;
/* Stops reading stdin: nobody is there to take it. */
void stdio_stop_input(struct stdio *stdio);
void stdio_free(struct stdio *stdio);

/* Paths for Create and Exec; "" for a stream that there is not. */
const char *stdio_in_path(const struct stdio *stdio);
const char *stdio_out_path(const struct stdio *stdio);
const char *stdio_err_path(const struct stdio *stdio);

/* Whether every stream from the container has ended and is written out. */
bool stdio_output_done(const struct stdio *stdio);
/* Whether output waits for a slow reader of ours, and how much has been written: for watching it.
 */
bool stdio_output_blocked(const struct stdio *stdio);
uint64_t stdio_output_written(const struct stdio *stdio);

#endif
