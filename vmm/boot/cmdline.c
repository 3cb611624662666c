/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's command line. */
#include "vmm/boot/cmdline.h"

#include <errno.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"

int cmdline_build(const char *wanted, size_t max_bytes, char *ret_line, struct err *err)
{
	int n = snprintf(ret_line, max_bytes, "%s%s%s", CMDLINE_MACHINE, wanted[0] ? " " : "",
			 wanted);

	if (n < 0 || (size_t)n >= max_bytes)
		return err_say(err, E2BIG,
			       "the kernel command line has %d bytes with \"" CMDLINE_MACHINE
			       "\" in front, and the kernel takes %zu; shorten it",
			       n, max_bytes - 1);
	for (const char *p = ret_line; *p; p++) {
		if (*p == '\n' || *p == '\r')
			return err_say(err, EINVAL,
				       "the kernel command line holds a line break; remove it");
	}
	return 0;
}

int cmdline_write(const struct guestmem *mem, const char *line, struct err *err)
{
	if (!guestmem_write(mem, LAYOUT_CMDLINE, line, strlen(line) + 1))
		return err_say(err, EINVAL, "guest memory has no room for the command line");
	return 0;
}
