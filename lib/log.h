/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line a message, to one descriptor, as text or (for OCI callers) as JSON lines. Its
 * settings are the only mutable globals of the project. Safe to use from any thread: a line is one
 * write(2). Control characters in a message are escaped, so a guest cannot forge lines.
 */
#ifndef KATA_LIKE_LIB_LOG_H
#define KATA_LIKE_LIB_LOG_H

#include <stdbool.h>

#include "lib/cleanup.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

enum log_format {
	LOG_FORMAT_TEXT, /* program: level: message */
	LOG_FORMAT_LOGFMT, /* time="…" level=… msg="…" program=… sandbox=…, as containerd's shims
			      write */
	LOG_FORMAT_JSON, /* {"level":…,"msg":…,"time":…}, as runc --log-format=json writes */
};

/*
 * Sets the program's name (kept by reference), the least severe level written, the format and the
 * descriptor (borrowed; -1 drops everything). Before that call lines go to stderr as text.
 */
void log_init(const char *program, enum log_level level, enum log_format format, int fd);

/* The sandbox's id for LOGFMT lines; kept by reference, NULL for none. */
void log_set_sandbox(const char *sandbox_id);

bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
