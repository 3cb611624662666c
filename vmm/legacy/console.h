/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console: a serial port between the guest and a file, pipe or terminal outside.
 *
 * Output never grows without bound and never stops a vCPU for long, whatever the guest sends:
 *
 *	a file that is bounded	is a log for people. It keeps the last CONSOLE_FILE_MAX bytes at
 *			most: when it is full, its later half is moved to the front. After
 *			CONSOLE_BURST bytes it takes CONSOLE_RATE a second and says how many it
 *			dropped. Whatever is no text is spelt out (\x1b), so that nothing in it can
 *			command the terminal on which it is read.
 *	anything else	is waited for CONSOLE_STALL_MS once; then output is dropped until it takes
 *			bytes again. It is passed on as it is: that is what a terminal is for.
 */
#ifndef KATA_LIKE_VMM_LEGACY_CONSOLE_H
#define KATA_LIKE_VMM_LEGACY_CONSOLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "vmm/legacy/serial.h"

#define CONSOLE_FILE_MAX (1u << 20)
#define CONSOLE_BURST	 (4u << 20)
#define CONSOLE_RATE	 (256u << 10) /* bytes a second */
#define CONSOLE_STALL_MS 50

struct console {
	struct serial serial;
	int out_fd, in_fd; /* borrowed; in_fd -1: no input */
	int interrupt_fd;  /* an eventfd: each write raises SERIAL_IRQ; owned */
	bool is_file;
	uint64_t file_bytes;
	uint32_t budget;  /* what the file takes until the clock is asked again */
	uint64_t dropped; /* since then */
	int64_t filled_ms;
	bool stalled;
	int drained_fd; /* an eventfd: the guest made room for input; owned */
	struct loop *loop;
	pthread_mutex_t *lock;
	struct loop_source *in_source, *drained_source;
	void (*quit)(void *ctx); /* the user typed Ctrl-A x */
	void *quit_ctx;
	bool escape; /* Ctrl-A was typed */
};

struct console_config {
	int out_fd, in_fd;	 /* in_fd may be -1 */
	bool bounded;		 /* keep a regular file at CONSOLE_FILE_MAX bytes */
	struct loop *loop;	 /* reads in_fd */
	pthread_mutex_t *lock;	 /* the device lock */
	void (*quit)(void *ctx); /* called from the loop; NULL: Ctrl-A is passed on */
	void *quit_ctx;
};

/* An all-zero console is one that is off: fine for fini. */
int console_init(struct console *console, const struct console_config *config, struct err *err)
	_must_check_;
void console_fini(struct console *console);

#endif
