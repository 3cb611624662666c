/* SPDX-License-Identifier: Apache-2.0 */
/* A user id for each sandbox's VMM. */
#include "shim/sandbox/jail-user.h"

#include <errno.h>
#include <fcntl.h>

/* FNV-1a */
static uint32_t hash(const char *text)
{
	uint32_t value = 2166136261u;

	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * 16777619u;
	return value;
}

/* 0, -EAGAIN when another has it, or -errno. */
static int lock(int fd, uint32_t slot)
{
	struct flock range = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1
	};

	if (fcntl(fd, F_OFD_SETLK, &range) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

int jail_user_take(const char *file, const char *sandbox_id, uid_t first, uint32_t count,
		   uid_t *ret_user, int *ret_lock_fd, struct err *err)
{
	_cleanup_fd_ int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint32_t slot = hash(sandbox_id) % count;
	int r = -EAGAIN;

	if (fd < 0)
		return err_set(err, errno, "cannot open %s", file);
	for (uint32_t tried = 0; tried < count && r == -EAGAIN; tried++) {
		r = lock(fd, slot);
		if (r == -EAGAIN)
			slot = (slot + 1) % count;
	}
	if (r == -EAGAIN)
		return err_say(err, EBUSY, "each of the %u user ids for VMs is in use", count);
	if (r < 0)
		return err_set(err, -r, "cannot lock %s", file);
	*ret_user = first + slot;
	*ret_lock_fd = TAKE_FD(fd);
	return 0;
}
