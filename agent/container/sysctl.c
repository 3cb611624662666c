/* SPDX-License-Identifier: Apache-2.0 */
/* linux.sysctl. */
#include "agent/container/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/mount/resolve.h"
#include "lib/fd.h"

#define PATH_ROOM 256

static const struct {
	const char *prefix;
	enum oci_namespace_kind kind;
} namespaced[] = {
	{ "net/", OCI_NAMESPACE_NETWORK },	    { "kernel/msg", OCI_NAMESPACE_IPC },
	{ "kernel/sem", OCI_NAMESPACE_IPC },	    { "kernel/shm", OCI_NAMESPACE_IPC },
	{ "fs/mqueue/", OCI_NAMESPACE_IPC },	    { "kernel/hostname", OCI_NAMESPACE_UTS },
	{ "kernel/domainname", OCI_NAMESPACE_UTS },
};

int sysctl_path(const char *key, char *ret_path, size_t size)
{
	/* The first separator tells which of the two spellings it is; the other is part of names.
	 */
	bool dotted = key[strcspn(key, "./")] == '.';
	size_t len = strlen(key);

	if (len == 0 || len >= size || key[0] == '/' || key[0] == '.')
		return -EINVAL;
	for (size_t i = 0; i <= len; i++) {
		char c = key[i];

		if (dotted && (c == '.' || c == '/'))
			c = c == '.' ? '/' : '.';
		ret_path[i] = c;
	}
	return strstr(ret_path, "..") ? -EINVAL : 0;
}

static bool allowed(const struct oci_spec *spec, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(namespaced); i++) {
		if (strncmp(path, namespaced[i].prefix, strlen(namespaced[i].prefix)) == 0)
			return spec->linux_.namespaces[namespaced[i].kind].listed;
	}
	return false;
}

static int set_one(int root_fd, const char *path, const char *value)
{
	_cleanup_fd_ int fd = resolve_open_file(root_fd, path, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

int sysctl_apply(const struct oci_spec *spec, bool whole_kernel, struct err *err)
{
	_cleanup_fd_ int root_fd = -1;

	if (spec->linux_.sysctl.n == 0)
		return 0;
	root_fd = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_set(err, errno, "cannot open /proc/sys");
	for (size_t i = 0; i < spec->linux_.sysctl.n; i++) {
		const struct json_pair *pair = &spec->linux_.sysctl.list[i];
		char path[PATH_ROOM];
		int r = sysctl_path(pair->key, path, sizeof(path));

		if (r < 0)
			return err_say(err, -r, "\"%.64s\" is no kernel parameter", pair->key);
		if (!whole_kernel && !allowed(spec, path))
			return err_say(err, EINVAL, "%s is not in a namespace of the container",
				       pair->key);
		r = set_one(root_fd, path, pair->value);
		if (r < 0)
			return err_set(err, -r, "cannot set %s to \"%.64s\"", pair->key,
				       pair->value);
	}
	return 0;
}
