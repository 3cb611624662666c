/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of a guest that works on a virtio-fs of tag "share", and says on the console what it finds.
 * Words of the kernel's command line choose what, and reach it as environment:
 *
 *	test_rescan=1	waits for the file system to be plugged in
 *	test_write=1	writes "from the guest" to guest-file, renames it, links it
 *	test_files=1	looks at the files in many/, each with its own name in it
 *	test_big=1	reads big, prints its checksum (FNV-1a, 64 bits), and copies it to big-copy
 *	test_rebind=N	takes the device from its driver and gives it back N times in between
 *	test_error=1	reads the file "first" until that fails, then mounts again and says with
 *what
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SHARE "/share"

static char buffer[1 << 20];

static bool mount_share(void)
{
	if (mount("share", SHARE, "virtiofs", 0, NULL) == 0)
		return true;
	printf("guest: mount: %s\n", strerror(errno));
	return false;
}

/* Reads at most a buffer of the file; the length, or -1. */
static ssize_t read_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buffer, sizeof(buffer) - 1);
	if (n >= 0)
		buffer[n] = '\0';
	close(fd);
	return n;
}

static void test_write(void)
{
	static const char text[] = "from the guest\n";
	int fd = open(SHARE "/guest-file", O_RDWR | O_CREAT | O_EXCL, 0640);
	struct stat st;

	if (fd < 0 || write(fd, text, sizeof(text) - 1) != sizeof(text) - 1 || fsync(fd) < 0 ||
	    rename(SHARE "/guest-file", SHARE "/renamed") < 0 ||
	    link(SHARE "/renamed", SHARE "/linked") < 0 || stat(SHARE "/linked", &st) < 0)
		printf("guest: write BAD: %s\n", strerror(errno));
	else
		printf("guest: write ok, size=%lld links=%u mode=%o\n", (long long)st.st_size,
		       (unsigned)st.st_nlink, (unsigned)st.st_mode & 07777u);
	if (fd >= 0)
		close(fd);
}

/* Each file holds its own name. Each is looked at, and every tenth read and removed. */
static void test_files(void)
{
	unsigned seen = 0, read = 0, bad = 0, removed = 0;
	DIR *dir = opendir(SHARE "/many");
	char path[300];
	struct stat st;

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), SHARE "/many/%.255s", entry->d_name);
		if (stat(path, &st) < 0 || (size_t)st.st_size != strlen(entry->d_name))
			bad++;
		if (seen++ % 10 != 0)
			continue;
		if (read_file(path) >= 0 && strcmp(buffer, entry->d_name) == 0)
			read++;
		removed += unlink(path) == 0;
	}
	if (dir)
		closedir(dir);
	printf("guest: files seen=%u bad=%u read=%u removed=%u\n", seen, bad, read, removed);
}

static void test_big(void)
{
	int in = open(SHARE "/big", O_RDONLY);
	int out = open(SHARE "/big-copy", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t sum = 0xcbf29ce484222325ull, bytes = 0;
	bool good = in >= 0 && out >= 0;
	ssize_t n = 0;

	while (good && (n = read(in, buffer, sizeof(buffer))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			sum = (sum ^ (uint8_t)buffer[i]) * 0x100000001b3ull;
		good = write(out, buffer, (size_t)n) == n;
		bytes += (uint64_t)n;
	}
	if (!good || n < 0)
		printf("guest: big BAD: %s\n", strerror(errno));
	printf("guest: big bytes=%" PRIu64 " fnv=%016" PRIx64 "\n", bytes, sum);
	close(in);
	close(out);
}

static bool poke(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* The device's name on the virtio bus, by the driver's folder. */
static bool find_device(char *ret_name, size_t size)
{
	DIR *dir = opendir("/sys/bus/virtio/drivers/virtiofs");
	bool found = false;

	for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
		found = strncmp(entry->d_name, "virtio", 6) == 0;
		(void)snprintf(ret_name, size, "%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void wait_for_share(void)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	char name[256];

	printf("guest: looking\n");
	while (!find_device(name, sizeof(name))) {
		(void)poke("/sys/bus/pci/rescan", "1");
		nanosleep(&pause, NULL);
	}
}

static void test_rebind(unsigned times)
{
	char name[256];
	unsigned good = 0;

	if (!find_device(name, sizeof(name)))
		printf("guest: no virtiofs device\n");
	for (unsigned i = 0; i < times; i++) {
		bool fine = umount(SHARE) == 0 &&
			    poke("/sys/bus/virtio/drivers/virtiofs/unbind", name) &&
			    poke("/sys/bus/virtio/drivers/virtiofs/bind", name) && mount_share() &&
			    read_file(SHARE "/first") == 5;

		if (!fine)
			printf("guest: rebind BAD: %s\n", strerror(errno));
		good += fine;
	}
	printf("guest: rebind good=%u\n", good);
}

static void test_error(void)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	int fd = -1;

	printf("guest: reading\n");
	while (access(SHARE "/first", F_OK) == 0 && read_file(SHARE "/first") == 5)
		nanosleep(&pause, NULL);
	printf("guest: read failed: %s\n", strerror(errno));
	fd = open(SHARE "/new", O_WRONLY | O_CREAT, 0600);
	printf("guest: create failed: %s\n", fd < 0 ? strerror(errno) : "not at all");
	printf("guest: umount %s\n", umount2(SHARE, MNT_DETACH) == 0 ? "ok" : strerror(errno));
	/* The kernel mounts first and asks afterwards. */
	if (mount_share())
		printf("guest: mounted again, %s\n",
		       access(SHARE "/first", F_OK) < 0 ? strerror(errno) : "and it works");
}

int main(void)
{
	const char *word;
	int console;

	(void)mkdir("/dev", 0755);
	(void)mkdir("/sys", 0755);
	(void)mkdir(SHARE, 0755);
	(void)mount("dev", "/dev", "devtmpfs", 0, NULL);
	(void)mount("sys", "/sys", "sysfs", 0, NULL);
	console = open("/dev/console", O_RDWR | O_NOCTTY);
	if (console >= 0)
		(void)dup2(console, STDOUT_FILENO);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("test_rescan"))
		wait_for_share();
	if (mount_share() && read_file(SHARE "/first") > 0)
		printf("guest: first=%s\n", buffer);
	if (getenv("test_write"))
		test_write();
	if ((word = getenv("test_rebind")))
		test_rebind((unsigned)atoi(word));
	if (getenv("test_files"))
		test_files();
	if (getenv("test_big"))
		test_big();
	if (getenv("test_error"))
		test_error();
	printf("guest: done\n");
	(void)reboot(RB_AUTOBOOT);
	return 1;
}
