/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of the test guests: says on the console what it finds, then ends as the kernel's command
 *line tells it. Words of the form test_*=… there reach it as environment:
 *
 *	test_disk=NAME	reads, writes and reads back /dev/NAME
 *	test_rng=1	reads from /dev/hwrng
 *	test_end=…	reset (the default), panic, spin (a line each 100 ms, for ever), sleep
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES 4096

static void say_system(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return;
	printf("guest: cpus=%ld\n", sysconf(_SC_NPROCESSORS_ONLN));
	printf("guest: memory_mib=%" PRIu64 "\n", ((uint64_t)info.totalram * info.mem_unit) >> 20);
}

/* Touches all memory that is free, so that memory that is not really there shows. */
static void test_memory(void)
{
	uint64_t pages = (uint64_t)sysconf(_SC_AVPHYS_PAGES) / 4 * 3;
	size_t bytes = (size_t)pages * BLOCK_BYTES;
	uint64_t *memory = malloc(bytes);
	bool good = memory;

	for (size_t i = 0; good && i < bytes / sizeof(uint64_t);
	     i += BLOCK_BYTES / sizeof(uint64_t))
		memory[i] = i;
	for (size_t i = 0; good && i < bytes / sizeof(uint64_t);
	     i += BLOCK_BYTES / sizeof(uint64_t))
		good = memory[i] == i;
	printf("guest: memory %s, %zu MiB written and read\n", good ? "ok" : "BAD", bytes >> 20);
	free(memory);
}

static void test_disk(const char *name)
{
	char path[64], first[17] = "", block[BLOCK_BYTES] __attribute__((aligned(BLOCK_BYTES)));
	uint64_t bytes = 0;
	int read_only = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) < 0 || ioctl(fd, BLKROGET, &read_only) < 0) {
		printf("guest: disk %s BAD: %s\n", name, strerror(errno));
		return;
	}
	if (pread(fd, first, sizeof(first) - 1, 0) < 0)
		printf("guest: disk %s cannot be read: %s\n", name, strerror(errno));
	first[strcspn(first, "\n")] = '\0';
	printf("guest: disk %s bytes=%" PRIu64 " read_only=%d first=%s\n", name, bytes, read_only,
	       first);
	close(fd);
	fd = open(path, O_RDWR | O_DIRECT | O_SYNC);
	if (fd < 0) {
		printf("guest: disk %s not writable: %s\n", name, strerror(errno));
		return;
	}
	memset(block, 'w', sizeof(block));
	memcpy(block, "written by guest", 16);
	if (pwrite(fd, block, sizeof(block), BLOCK_BYTES) != sizeof(block) || fsync(fd) < 0)
		printf("guest: disk %s cannot be written: %s\n", name, strerror(errno));
	memset(block, 0, sizeof(block));
	if (pread(fd, block, sizeof(block), BLOCK_BYTES) == sizeof(block) &&
	    memcmp(block, "written by guest", 16) == 0)
		printf("guest: disk %s reads back what was written\n", name);
	close(fd);
}

static void test_rng(void)
{
	unsigned char bytes[32] = { 0 };
	int fd = open("/dev/hwrng", O_RDONLY), zeroes = 0;
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	for (size_t i = 0; i < sizeof(bytes); i++)
		zeroes += bytes[i] == 0;
	printf("guest: rng %s\n", n == sizeof(bytes) && zeroes < 16 ? "ok" : "BAD");
	if (fd >= 0)
		close(fd);
}

static void spin(void)
{
	struct timespec pause = { .tv_nsec = 100000000 };

	for (unsigned i = 0;; i++) {
		printf("guest: tick %u\n", i);
		(void)fflush(stdout);
		nanosleep(&pause, NULL);
	}
}

static void end(const char *how)
{
	(void)fflush(stdout);
	sync();
	if (strcmp(how, "panic") == 0)
		exit(1); /* the kernel cannot go on without its first process */
	if (strcmp(how, "spin") == 0)
		spin();
	if (strcmp(how, "sleep") == 0)
		for (;;)
			pause();
	(void)reboot(RB_AUTOBOOT);
}

int main(void)
{
	const char *disks = getenv("test_disk"), *how = getenv("test_end");
	int console;

	(void)mkdir("/dev", 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0) {
		(void)dup2(console, STDOUT_FILENO);
		(void)dup2(console, STDERR_FILENO);
	}
	say_system();
	if (getenv("test_memory"))
		test_memory();
	if (disks) {
		char *names = strdup(disks);

		for (char *name; names && (name = strsep(&names, ","));)
			test_disk(name);
	}
	if (getenv("test_rng"))
		test_rng();
	printf("guest: done\n");
	end(how ? how : "reset");
	return 1;
}
