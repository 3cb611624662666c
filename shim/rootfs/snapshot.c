/* SPDX-License-Identifier: Apache-2.0 */
/* A root filesystem as a snapshotter of containerd gives it. */
#include "shim/rootfs/snapshot.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* mount(2) takes no more than a page of options; an image of many layers has more. */
#define DATA_MAX    4096
#define OPTIONS_MAX 65536

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
			char ret_data[OPTIONS_MAX], struct err *err)
{
	size_t used = 0;

	*ret_flags = 0;
	ret_data[0] = '\0';
	for (size_t i = 0; i < mount->n_options; i++) {
		const char *option = mount->options[i];
		int n;

		if (take_flag(option, ret_flags))
			continue;
		n = snprintf(ret_data + used, OPTIONS_MAX - used, "%s%s", used ? "," : "", option);
		if (n < 0 || (size_t)n >= OPTIONS_MAX - used)
			return err_say(err, E2BIG, "its options are longer than %d bytes",
				       OPTIONS_MAX);
		used += (size_t)n;
	}
	return 0;
}

/* The folder that a path is in, with its slash, as far as it is also the start of common. */
static size_t common_folder(const char *common, size_t len, const char *path)
{
	size_t same = 0;

	while (same < len && path[same] && path[same] != ':' && path[same] != ',' &&
	       path[same] == common[same])
		same++;
	while (same > 0 && common[same - 1] != '/')
		same--;
	return same;
}

static bool is_folders(const char *option)
{
	return strncmp(option, "lowerdir=", 9) == 0 || strncmp(option, "upperdir=", 9) == 0 ||
	       strncmp(option, "workdir=", 8) == 0;
}

/* How much of the first path, up to a slash, all paths of the options begin with. */
static size_t measure_common(const char *options, const char **ret_first)
{
	const char *first = NULL;
	size_t len = 0;

	for (const char *option = options; option; option = strchr(option, ',')) {
		option += *option == ',';
		if (!is_folders(option))
			continue;
		for (const char *path = strchr(option, '=') + 1; path;) {
			const char *end = path + strcspn(path, ":,");

			if (!first) {
				first = path;
				len = (size_t)(end - path);
			}
			len = common_folder(first, len, path);
			path = *end == ':' ? end + 1 : NULL;
		}
	}
	*ret_first = first;
	return len;
}

bool snapshot_shorten(char *options, char *ret_dir)
{
	const char *first;
	size_t len = measure_common(options, &first);
	char *to = options;
	bool folders = false;

	if (!first || len < 2 || len >= PATH_MAX)
		return false;
	memcpy(ret_dir, first, len);
	ret_dir[len] = '\0';
	for (const char *from = options; *from;) {
		if (from == options || from[-1] == ',')
			folders = is_folders(from);
		if (folders && from != options && (from[-1] == '=' || from[-1] == ':') &&
		    strncmp(from, ret_dir, len) == 0)
			from += len;
		*to++ = *from++;
	}
	*to = '\0';
	return true;
}

/* What is longer than a page is told from inside a folder. */
static int fit_options(char *options, struct err *err)
{
	char dir[PATH_MAX];

	if (strlen(options) < DATA_MAX)
		return 0;
	if (!snapshot_shorten(options, dir) || strlen(options) >= DATA_MAX)
		return err_say(err, E2BIG, "its options are longer than %d bytes", DATA_MAX);
	return chdir(dir) < 0 ? err_set(err, errno, "cannot enter %s", dir) : 0;
}

static int mount_one(const KataLike__Task__Mount *request, const char *target, struct err *err)
{
	_cleanup_free_ char *data = malloc(OPTIONS_MAX);
	unsigned long flag;
	int r;

	if (!data)
		return err_set(err, ENOMEM, "cannot read its options");
	if (!*request->type || !*request->source)
		return err_say(err, EINVAL, "it has no type or no source");
	r = read_options(request, &flag, data, err);
	if (r == 0)
		r = fit_options(data, err);
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
	for (size_t i = 0; i < n_mounts; i++) {
		int r = mount_one(mounts[i], target, err);

		if (r < 0)
			return err_push(err, "snapshot (%s)", mounts[i]->type);
	}
	return 0;
}
