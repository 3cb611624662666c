/* SPDX-License-Identifier: Apache-2.0 */
/* A root filesystem as a snapshotter of containerd gives it. */
#include "shim/rootfs/snapshot.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* mount(2) takes no more than a page of options. */
#define DATA_MAX 4096

static const struct {
	const char *name;
	unsigned long flag;
} flags[] = {
	{ "ro", MS_RDONLY },
	{ "rw", 0 },
	{ "bind", MS_BIND },
	{ "rbind", MS_BIND | MS_REC },
	{ "nosuid", MS_NOSUID },
	{ "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },
	{ "noatime", MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME },
	{ "sync", MS_SYNCHRONOUS },
};

/* An option of the kernel's mount flags; the others are the file system's. */
static bool take_flag(const char *option, unsigned long *flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(flags[i].name, option) != 0)
			continue;
		*flag |= flags[i].flag;
		return true;
	}
	return false;
}

static int read_options(const KataLike__Task__Mount *mount, unsigned long *ret_flags,
			char ret_data[DATA_MAX], struct err *err)
{
	size_t used = 0;

	*ret_flags = 0;
	ret_data[0] = '\0';
	for (size_t i = 0; i < mount->n_options; i++) {
		const char *option = mount->options[i];
		int n;

		if (take_flag(option, ret_flags))
			continue;
		n = snprintf(ret_data + used, DATA_MAX - used, "%s%s", used ? "," : "", option);
		if (n < 0 || (size_t)n >= DATA_MAX - used)
			return err_say(err, E2BIG, "its options are longer than %d bytes",
				       DATA_MAX);
		used += (size_t)n;
	}
	return 0;
}

static int mount_one(const KataLike__Task__Mount *request, const char *target, struct err *err)
{
	char data[DATA_MAX];
	unsigned long flag;
	int r;

	if (!*request->type || !*request->source)
		return err_say(err, EINVAL, "it has no type or no source");
	r = read_options(request, &flag, data, err);
	if (r < 0)
		return r;
	if (mount(request->source, target, request->type, flag, data) < 0)
		return err_set(err, errno, "cannot mount %s", request->source);
	/* The flags of a bind mount only count the second time. */
	if ((flag & MS_BIND) && (flag & MS_RDONLY) &&
	    mount(NULL, target, NULL, flag | MS_REMOUNT, NULL) < 0)
		return err_set(err, errno, "cannot make %s read-only", request->source);
	return 0;
}

int snapshot_mount(KataLike__Task__Mount *const *mounts, size_t n_mounts, const char *target,
		   struct err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "cannot make a mount namespace");
	for (size_t i = 0; i < n_mounts; i++) {
		int r = mount_one(mounts[i], target, err);

		if (r < 0)
			return err_push(err, "snapshot (%s)", mounts[i]->type);
	}
	return 0;
}
