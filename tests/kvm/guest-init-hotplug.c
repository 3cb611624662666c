/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of a guest to whose bus disks are added. /dev/vda, which is there from the start, holds a
 * number; each time that it grows, the guest looks for a new disk, says on the console what that
 * holds, and takes its driver off again. test_keep=1 on the kernel's command line: it keeps it.
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

static void meet(const char *name, bool keep)
{
	char path[300], serial[64], first[64];

	(void)snprintf(path, sizeof(path), "/sys/block/%.200s/serial", name);
	if (strcmp(name, "vda") == 0 || !read_line(path, serial, sizeof(serial)))
		return;
	(void)snprintf(path, sizeof(path), "/dev/%.200s", name);
	if (!read_line(path, first, sizeof(first)))
		return;
	printf("guest: disk %s first=%s\n", serial, first);
	if (!keep)
		take_off(name);
}

static void look(bool keep)
{
	DIR *dir;

	if (!poke("/sys/bus/pci/rescan"))
		printf("guest: rescan BAD\n");
	dir = opendir("/sys/block");
	for (struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			meet(entry->d_name, keep);
	if (dir)
		closedir(dir);
}

/* The number in the first disk, past the page cache. */
static int read_number(void)
{
	char sector[512] __attribute__((aligned(512))) = "";
	int fd = open("/dev/vda", O_RDONLY | O_DIRECT);

	if (fd < 0 || read(fd, sector, sizeof(sector)) != sizeof(sector))
		printf("guest: the first disk BAD\n");
	if (fd >= 0)
		close(fd);
	sector[sizeof(sector) - 1] = '\0';
	return atoi(sector);
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	bool keep = getenv("test_keep");
	int console, seen = 0;

	(void)mkdir("/dev", 0755);
	(void)mkdir("/sys", 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0)
		(void)dup2(console, STDOUT_FILENO);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	printf("guest: ready\n");
	for (;;) {
		int number = read_number();

		if (number > seen)
			look(keep);
		seen = number;
		nanosleep(&pause, NULL);
	}
}
