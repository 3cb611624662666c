/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices of the VM. */
#include "agent/mount/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <linux/mount.h>

#include "agent/mount/detached.h"
#include "lib/fd.h"

#define SERIAL_MAX	 20
#define FIND_TIMEOUT_MS	 2000
#define FIND_INTERVAL_MS 10

static bool serial_is(int block_fd, const char *name, const char *serial)
{
	char file[300], text[SERIAL_MAX + 2] = "";
	_cleanup_fd_ int fd = -1;

	(void)snprintf(file, sizeof(file), "%.255s/serial", name);
	fd = openat(block_fd, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_full(fd, text, SERIAL_MAX + 1) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, serial) == 0;
}

/* 1 found, 0 not, or -errno. */
static int look_once(const char *serial, char *ret_path)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/block");

	if (!dir)
		return -errno;
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || !serial_is(dirfd(dir), entry->d_name, serial))
			continue;
		(void)snprintf(ret_path, DISK_PATH_MAX, "/dev/%.32s", entry->d_name);
		/* devtmpfs makes the node a moment behind sysfs. */
		return access(ret_path, F_OK) == 0;
	}
	return 0;
}

int disk_find(const char *serial, char ret_path[DISK_PATH_MAX], struct err *err)
{
	const struct timespec interval = { .tv_nsec = FIND_INTERVAL_MS * 1000000L };
	int64_t deadline_ms = clock_monotonic_ms() + FIND_TIMEOUT_MS;
	bool rescanned = false;

	for (;;) {
		int r = look_once(serial, ret_path);

		if (r < 0)
			return err_set(err, -r, "cannot look for disk \"%s\"", serial);
		if (r > 0)
			return 0;
		if (clock_monotonic_ms() > deadline_ms)
			return err_say(err, ENODEV, "the VM has no disk with serial \"%s\"",
				       serial);
		/* A device that was plugged in while we ran waits for the bus to be scanned. */
		if (!rescanned && file_poke(AT_FDCWD, "/sys/bus/pci/rescan", "1") < 0)
			deadline_ms = 0;
		rescanned = true;
		nanosleep(&interval, NULL);
	}
}

int disk_mount(const struct disk *disk, struct err *err)
{
	struct mount_options options;
	char path[DISK_PATH_MAX];
	bool read_only;
	int fd, r;

	r = disk_find(disk->serial, path, err);
	if (r < 0)
		return r;
	r = mount_options_parse(&disk->options, &options, err);
	if (r < 0)
		return r;
	read_only = options.attr_set & MOUNT_ATTR_RDONLY || strcmp(disk->filesystem, "erofs") == 0;
	fd = detached_mount(disk->filesystem, path, &options, read_only, err);
	mount_options_fini(&options);
	return fd < 0 ? err_push(err, "disk \"%s\" (%s)", disk->serial, path) : fd;
}

static bool is_address(const char *text)
{
	unsigned int domain, bus, device, function;
	char again[16];

	if (sscanf(text, "%4x:%2x:%2x.%1x", &domain, &bus, &device, &function) != 4)
		return false;
	(void)snprintf(again, sizeof(again), "%04x:%02x:%02x.%x", domain, bus, device, function);
	return strcmp(again, text) == 0;
}

/* An exclusive open fails for as long as a file system is mounted from it. */
static int check_unused(const char *block_dir, struct err *err)
{
	_cleanup_dir_ DIR *dir = opendir(block_dir);

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char path[DISK_PATH_MAX];
		_cleanup_fd_ int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%.32s", entry->d_name);
		fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
		if (fd < 0 && errno == EBUSY)
			return err_say(err, EBUSY, "%s is still in use", path);
	}
	return 0;
}

int disk_remove(const char *address, struct err *err)
{
	_cleanup_dir_ DIR *dir = NULL;
	char path[320];
	int r = 0;

	if (!is_address(address))
		return err_say(err, EINVAL, "\"%.32s\" is no PCI address", address);
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", address);
	dir = opendir(path);
	if (!dir)
		return err_set(err, errno, "PCI device %s", address);
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));) {
		if (strncmp(entry->d_name, "virtio", 6) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%.200s/block", address,
			       entry->d_name);
		r = check_unused(path, err);
	}
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", address);
	r = file_poke(AT_FDCWD, path, "1");
	return r < 0 ? err_set(err, -r, "cannot remove PCI device %s", address) : 0;
}
