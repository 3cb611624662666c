/* SPDX-License-Identifier: Apache-2.0 */
/* A file on the command line. */
#include "vmm/file-argument.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "lib/fd.h"

#define INHERITED "fd:"

bool file_argument_is_inherited(const char *file)
{
	return strncmp(file, INHERITED, strlen(INHERITED)) == 0;
}

/* The number of "fd:N", or -1. */
static int inherited_number(const char *file)
{
	const char *digits = file + strlen(INHERITED);
	long number;
	char *rest;

	if (digits[0] < '0' || digits[0] > '9')
		return -1;
	errno = 0;
	number = strtol(digits, &rest, 10);
	return errno || *rest || number > INT_MAX ? -1 : (int)number;
}

int file_argument_open(const char *file, int flags, const char *what, struct err *err)
{
	int fd, r;

	if (!file_argument_is_inherited(file)) {
		fd = open(file, flags | O_CLOEXEC, 0600);
		return fd < 0 ? err_set(err, errno, "cannot open %s %s", what, file) : fd;
	}
	fd = inherited_number(file);
	if (fd < 0)
		return err_say(err, EINVAL, "%s %s: give fd: and a number", what, file);
	r = fd_set_cloexec(fd, 1);
	if (r < 0)
		return err_set(err, -r, "cannot use %s %s, which should have been inherited", what,
			       file);
	return fd;
}

void file_argument_name(const char *file, int fd, char *ret_name)
{
	char link[32];
	ssize_t n = -1;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (file_argument_is_inherited(file))
		n = readlink(link, ret_name, FILE_ARGUMENT_NAME_MAX - 1);
	if (n > 0)
		ret_name[n] = '\0';
	else
		(void)snprintf(ret_name, FILE_ARGUMENT_NAME_MAX, "%s", file);
}
