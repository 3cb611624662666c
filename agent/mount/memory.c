/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes in the VM's own memory. */
#include "agent/mount/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define FOLDER	       "/run/kata-like-memory"
#define NAME_MAX_BYTES 36

static int make_volume(const struct memory_volume *volume, const char *path, struct err *err)
{
	uint64_t size = volume->size_bytes;
	struct sysinfo info;
	char options[96];
	int n;

	if (sysinfo(&info) == 0)
		size = MIN(size, (uint64_t)info.totalram * info.mem_unit);
	n = snprintf(options, sizeof(options), "mode=%o,uid=%u,gid=%u",
		     (unsigned int)(volume->mode & 07777), volume->uid, volume->gid);
	if (size > 0)
		(void)snprintf(options + n, sizeof(options) - (size_t)n, ",size=%" PRIu64, size);
	if (mount("memory", path, "tmpfs", 0, options) < 0)
		return err_set(err, errno, "cannot mount a volume in memory");
	return 0;
}

int memory_use(const struct memory_volume *volume, char ret_path[MEMORY_PATH_MAX], struct err *err)
{
	size_t len = strlen(volume->name);
	int r;

	if (len == 0 || len > NAME_MAX_BYTES || strspn(volume->name, "0123456789abcdef-") != len)
		return err_say(err, EINVAL, "\"%.40s\" is no name of a volume in memory",
			       volume->name);
	(void)snprintf(ret_path, MEMORY_PATH_MAX, FOLDER "/%s", volume->name);
	if (mkdir(FOLDER, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "cannot create %s", FOLDER);
	if (mkdir(ret_path, 0700) < 0)
		return errno == EEXIST ? 0 : err_set(err, errno, "cannot create %s", ret_path);
	r = make_volume(volume, ret_path, err);
	if (r < 0)
		(void)rmdir(ret_path);
	return r;
}
