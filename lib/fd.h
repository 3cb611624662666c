/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors and small files: what read(2), write(2) and sendmsg(2) leave to their callers. */
#ifndef KATA_LIKE_LIB_FD_H
#define KATA_LIKE_LIB_FD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/* Reads until len bytes or the end. Returns how many, or -errno. Blocking descriptors only. */
ssize_t fd_read_full(int fd, void *buffer, size_t len_bytes) _must_check_;

/* pread(2) until len bytes or the end. Returns how many, or -errno. */
ssize_t fd_pread_full(int fd, void *buffer, size_t len_bytes, off_t offset) _must_check_;

/* Writes all of it. 0 or -errno. Blocking descriptors only. */
int fd_write_full(int fd, const void *buffer, size_t len_bytes) _must_check_;

/*
 * The whole file, with a NUL behind it, owned by the caller. max_bytes bounds what is read: a
 * larger file is -EFBIG. ret_len may be NULL. dir_fd as in openat(2).
 */
int file_read(int dir_fd, const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
	      struct err *err) _must_check_;

/* The same, where the file's owner is not trusted: -EINVAL unless it is a regular one. */
int file_read_regular(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
		      struct err *err) _must_check_;

/* Writes a new file beside path and renames it over path, so that readers see old or new. */
int file_write_atomic(const char *path, const void *data, size_t len_bytes, mode_t mode,
		      struct err *err) _must_check_;

/* Writes text into an existing file (sysfs, procfs, cgroupfs) in one write(2). 0 or -errno. */
int file_poke(int dir_fd, const char *path, const char *text) _must_check_;

/* mkdir -p. 0 also where it exists already. */
int dir_make(const char *path, mode_t mode, struct err *err) _must_check_;

/*
 * 0 if nobody but root and ourselves can change what is in a folder: it is ours or root's, and so
 * is a link that leads to it, and others cannot write to it. shared: they may, as long as they
 * cannot touch what is not theirs (/tmp). -EACCES with a message, -ENOENT and the like without one.
 */
int dir_check_trusted(const char *path, bool shared, struct err *err) _must_check_;

/* rm -r of what path names, without following links or crossing into another file system. */
int dir_remove(const char *path, struct err *err) _must_check_;

int fd_set_nonblock(int fd, int on) _must_check_;
int fd_set_cloexec(int fd, int on) _must_check_;

/*
 * Sends len bytes (at least 1) with up to FD_PASS_MAX descriptors, which stay the caller's. 0 or
 * -errno.
 */
#define FD_PASS_MAX 16
int fd_send(int socket_fd, const void *data, size_t len_bytes, const int *fds, size_t n_fds)
	_must_check_;

/*
 * Receives one message and the descriptors with it (close-on-exec, the caller's). Descriptors
 * beyond *n_fds are closed. Returns the bytes (0: the peer closed), or -errno; -EAGAIN when it
 * would block.
 */
ssize_t fd_recv(int socket_fd, void *data, size_t len_bytes, int *ret_fds, size_t *n_fds)
	_must_check_;

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

#endif
