/* SPDX-License-Identifier: Apache-2.0 */
/* What the witness finds in /proc, /sys/fs/cgroup and /dev. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/conformance/witness.h"

#define FILE_MAX_BYTES 65536

static const char *const proc_files[] = {
	"status",  "mountinfo", "cgroup",	  "oom_score_adj", "uid_map",
	"gid_map", "setgroups", "timens_offsets", "attr/current",  "comm",
};

static const char *const cgroup_files[] = {
	"cpu.max",
	"cpu.max.burst",
	"cpu.weight",
	"cpu.idle",
	"cpuset.cpus",
	"cpuset.mems",
	"memory.max",
	"memory.high",
	"memory.low",
	"memory.swap.max",
	"memory.oom.group",
	"pids.max",
	"io.weight",
	"io.bfq.weight",
	"io.max",
	"hugetlb.2MB.max",
	"hugetlb.2MB.rsvd.max",
	"cgroup.type",
	"cgroup.subtree_control",
	"cgroup.controllers",
};

void witness_show_file(struct json_writer *out, const char *key, const char *path)
{
	static char text[FILE_MAX_BYTES];
	size_t len = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;

	if (fd < 0) {
		json_error(out, key, errno);
		return;
	}
	while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
		len += (size_t)n;
	error = errno;
	(void)close(fd);
	if (n < 0)
		json_error(out, key, error);
	else
		json_bytes(out, key, text, len);
}

static void show_link(struct json_writer *out, const char *key, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0) {
		json_error(out, key, errno);
		return;
	}
	target[n] = '\0';
	json_string(out, key, target);
}

static void show_texts(struct json_writer *out, const char *key, const char *folder,
		       const char *const *names, size_t n)
{
	char path[256];

	json_open(out, key, '{');
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		witness_show_file(out, names[i], path);
	}
	json_close(out, '}');
}

static void show_namespaces(struct json_writer *out)
{
	static const char *const kinds[] = { "cgroup", "ipc",  "mnt", "net",
					     "pid",    "user", "uts", "time" };
	char path[64];

	json_open(out, "namespaces", '{');
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		show_link(out, kinds[i], path);
	}
	json_close(out, '}');
}

static void show_descriptors(struct json_writer *out)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!dir) {
		json_error(out, "descriptors", errno);
		return;
	}
	json_open(out, "descriptors", '{');
	while ((entry = readdir(dir))) {
		char path[300];

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		show_link(out, entry->d_name, path);
	}
	json_close(out, '}');
	(void)closedir(dir);
}

static const char *open_outcome(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return strerrorname_np(errno);
	(void)close(fd);
	return "opened";
}

static void show_device(struct json_writer *out, const char *name)
{
	char path[300], number[32];
	struct stat st;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	if (lstat(path, &st) < 0) {
		json_error(out, name, errno);
		return;
	}
	if (S_ISLNK(st.st_mode)) {
		show_link(out, name, path);
		return;
	}
	json_open(out, name, '{');
	json_int(out, "type", (st.st_mode & S_IFMT) >> 12);
	json_int(out, "mode", st.st_mode & 07777);
	json_int(out, "uid", st.st_uid);
	json_int(out, "gid", st.st_gid);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		(void)snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev),
			       minor(st.st_rdev));
		json_string(out, "number", number);
		json_string(out, "open", open_outcome(path));
	}
	json_close(out, '}');
}

static void show_devices(struct json_writer *out)
{
	DIR *dir = opendir("/dev");
	const struct dirent *entry;

	if (!dir) {
		json_error(out, "dev", errno);
		return;
	}
	json_open(out, "dev", '{');
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			show_device(out, entry->d_name);
	}
	json_close(out, '}');
	(void)closedir(dir);
}

void witness_show_files(struct json_writer *out)
{
	show_descriptors(out);
	show_namespaces(out);
	show_texts(out, "proc", "/proc/self", proc_files,
		   sizeof(proc_files) / sizeof(proc_files[0]));
	show_texts(out, "cgroup", "/sys/fs/cgroup", cgroup_files,
		   sizeof(cgroup_files) / sizeof(cgroup_files[0]));
	show_devices(out);
}
