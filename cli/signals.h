/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a command that owns a container. Until a handler is set, those that ask to end (INT,
 * TERM, HUP, QUIT) are only noted, and the steps under way look at the note: so each stage ends in
 * order and nothing is left behind. Afterwards each signal goes to the handler.
 */
#ifndef KATA_LIKE_CLI_SIGNALS_H
#define KATA_LIKE_CLI_SIGNALS_H

#include "lib/err.h"
#include "lib/loop.h"

struct signals;

typedef void signals_fn(void *ctx, int signal_number);

/* Takes INT, TERM, HUP, QUIT, USR1, USR2, ALRM, CONT and WINCH from now on, and ignores PIPE. */
int signals_new(struct loop *loop, struct signals **ret_signals, struct err *err) _must_check_;
void signals_free(struct signals *signals);

/* NULL: back to noting. */
void signals_set_handler(struct signals *signals, signals_fn *fn, void *ctx);

/* Where the first signal that asked to end is noted; 0 while there was none. */
const int *signals_noted(const struct signals *signals);

/* In a child before execve: every signal as a program expects it. */
void signals_reset_for_exec(void);

#endif
