/* SPDX-License-Identifier: Apache-2.0 */
/* A file on the command line: a path, or "fd:N" for a descriptor that was inherited. */
#ifndef KATA_LIKE_VMM_FILE_ARGUMENT_H
#define KATA_LIKE_VMM_FILE_ARGUMENT_H

#include <stdbool.h>

#include "lib/cleanup.h"
#include "lib/err.h"

bool file_argument_is_inherited(const char *file);

/*
 * Opens the path by open(2) with flags, or takes the inherited descriptor, which is close-on-exec
 * afterwards. Returns the descriptor, the caller's, or -errno. what is for messages ("kernel").
 */
int file_argument_open(const char *file, int flags, const char *what, struct err *err) _must_check_;

/*
 * What messages call the file: the path, for an inherited descriptor the one that /proc knows where
 * there is a /proc. ret_name: FILE_ARGUMENT_NAME_MAX bytes; what is too long is cut.
 */
#define FILE_ARGUMENT_NAME_MAX 512
void file_argument_name(const char *file, int fd, char *ret_name);

#endif
