/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's terminal: its size, and raw mode that is always undone. */
#ifndef KATA_LIKE_CLI_TERMINAL_H
#define KATA_LIKE_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

#include "lib/err.h"

struct terminal {
	int fd; /* borrowed; -1 when there is none */
	bool is_raw;
	struct termios saved;
};

#define TERMINAL_INIT ((struct terminal){ .fd = -1 })

/* The first of stdin, stdout and stderr that is a terminal, -1 if none. */
int terminal_find(void);

/* columns and rows; 0 each where fd is no terminal or does not know. */
void terminal_size(int fd, uint32_t *ret_columns, uint32_t *ret_rows);

/* Keys go to the container as they are, also Ctrl-C. Calling it again sets it anew. */
int terminal_set_raw(struct terminal *terminal, int fd, struct err *err) _must_check_;
void terminal_restore(struct terminal *terminal);

static inline void cleanup_terminal(struct terminal *terminal)
{
	terminal_restore(terminal);
}
#define _cleanup_terminal_ _cleanup_(cleanup_terminal)

#endif
