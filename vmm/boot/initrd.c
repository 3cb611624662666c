/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an initial RAM disk into guest memory. */
#include "vmm/boot/initrd.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "lib/fd.h"

#define PAGE_MASK (~(uint64_t)(GUESTMEM_PAGE_SIZE - 1))

int initrd_load(const struct guestmem *mem, int fd, const char *name, gpa_t kernel_end, gpa_t last,
		struct initrd *ret_initrd, struct err *err)
{
	uint64_t size, end = MIN(mem->regions[0].size_bytes, last + 1);
	struct stat st;
	ssize_t n;
	void *at;
	gpa_t gpa;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot read initrd %s", name);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return err_say(err, EINVAL,
			       "initrd %s is empty or no regular file; give a cpio archive", name);
	size = (uint64_t)st.st_size;
	kernel_end = (kernel_end + GUESTMEM_PAGE_SIZE - 1) & PAGE_MASK;
	gpa = size < end ? (end - size) & PAGE_MASK : 0;
	at = gpa >= kernel_end ? guestmem_at(mem, gpa, size) : NULL;
	if (!at)
		return err_say(err, ENOSPC,
			       "initrd %s of %" PRIu64
			       " KiB does not fit: the kernel ends at %" PRIu64 " KiB of %" PRIu64
			       " KiB memory; give the VM more memory",
			       name, size >> 10, kernel_end >> 10, end >> 10);
	n = fd_pread_full(fd, at, size, 0);
	if (n < 0)
		return err_set(err, (int)-n, "cannot read initrd %s", name);
	if ((uint64_t)n != size)
		return err_say(err, EIO, "initrd %s became shorter while it was read", name);
	*ret_initrd = (struct initrd){ .gpa = gpa, .size_bytes = size };
	return 0;
}
