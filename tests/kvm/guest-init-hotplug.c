/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of a guest to whose bus disks are added: it looks for new ones all the time, says on the
 * console what each holds, takes its driver off again, and goes on. test_keep=1 on the kernel's
 * command line: it keeps the drivers.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* At most size - 1 bytes, up to the end of the line. */
static bool read_line(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static bool poke(const char *path)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, "1", 1) == 1;

	if (fd >= 0)
		close(fd);
	return good;
}

static void take_off(const char *name)
{
	char path[300], *address;

	/* …/0000:00:05.0/virtioN, so the function is one up. */
	(void)snprintf(path, sizeof(path), "/sys/block/%.200s/device/..", name);
	address = realpath(path, NULL);
	if (!address)
		return;
	(void)snprintf(path, sizeof(path), "%.250s/remove", address);
	printf("guest: removed %s: %s\n", strrchr(address, '/') + 1, poke(path) ? "ok" : "BAD");
	free(address);
}

/* A disk that has a serial number and was not met before. */
static void meet(const char *name, char *met, bool keep)
{
	char path[300], serial[64], first[64];

	(void)snprintf(path, sizeof(path), "/sys/block/%.200s/serial", name);
	if (!read_line(path, serial, sizeof(serial)) || strcmp(serial, met) == 0)
		return;
	(void)snprintf(path, sizeof(path), "/dev/%.200s", name);
	if (!read_line(path, first, sizeof(first)))
		return;
	(void)snprintf(met, 64, "%s", serial);
	printf("guest: disk %s first=%s\n", serial, first);
	if (!keep)
		take_off(name);
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	bool keep = getenv("test_keep");
	char met[64] = "";
	int console;

	(void)mkdir("/dev", 0755);
	(void)mkdir("/sys", 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0)
		(void)dup2(console, STDOUT_FILENO);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("guest: looking\n");
	for (;;) {
		DIR *dir;

		(void)poke("/sys/bus/pci/rescan");
		dir = opendir("/sys/block");
		for (struct dirent *entry; dir && (entry = readdir(dir));)
			if (entry->d_name[0] != '.')
				meet(entry->d_name, met, keep);
		if (dir)
			closedir(dir);
		nanosleep(&pause, NULL);
	}
}
