/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the log lines of a child, or of the guest, from a pipe into a file of bounded size, and
 * remembers the last one that tells of an error. When debugging they also go into our own log.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_LOG_TAIL_H
#define KATA_LIKE_SHIM_SANDBOX_LOG_TAIL_H

#include "lib/err.h"
#include "lib/loop.h"

struct log_tail;

/*
 * Takes over the pipe's read end, also when it fails. The file is made anew (0600); of what goes
 * beyond 4 MiB only the error lines are kept in mind. who ("vmm", "guest"; a constant) stands
 * before the lines in our own log.
 */
int log_tail_new(struct loop *loop, int pipe_fd, const char *path, const char *who,
		 struct log_tail **ret_tail, struct err *err) _must_check_;
void log_tail_free(struct log_tail *tail);

/* Reads what is in the pipe now: after the child's end. */
void log_tail_flush(struct log_tail *tail);

/* The text of the last error line, without the program's name and level; "" if there was none. */
const char *log_tail_last_error(const struct log_tail *tail);

#endif
