/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that name a process so that its number's reuse cannot mislead: "PID STARTTIME\n", the start
 * time being field 22 of /proc/PID/stat (proc(5)).
 */
#ifndef KATA_LIKE_SHIM_PIDFILE_H
#define KATA_LIKE_SHIM_PIDFILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

/* Writes the file for a process that lives. */
int pidfile_write(const char *path, pid_t pid, struct err *err) _must_check_;

/*
 * A pidfd of the process that the file names, the caller's. -ESRCH when it has ended or the number
 * belongs to another by now, -ENOENT without a file, -EINVAL when the file holds something else.
 */
int pidfile_open(const char *path, int *ret_pidfd, pid_t *ret_pid) _must_check_;

/* True while the process that the file names lives (a zombie counts as ended). */
bool pidfile_lives(const char *path);

/* Waits until the process that the file names is gone, timeout_ms at most: whether it is. */
bool pidfile_await_end(const char *path, int timeout_ms);

/* Kills the process that the file names, if it lives, and waits until it is gone, timeout_ms at
 * most. */
int pidfile_kill(const char *path, int timeout_ms, struct err *err) _must_check_;

#endif
