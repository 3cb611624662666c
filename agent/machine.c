/* SPDX-License-Identifier: Apache-2.0 */
/* The VM as a machine. */
#include "agent/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>

#include <linux/random.h>

#include "lib/fd.h"

#define ENTROPY_MAX_BYTES 512u
#define CLOCK_SLEW_MAX_US 500000

int machine_set_clock(int64_t seconds, int32_t nanos, struct err *err)
{
	const struct timespec now = { .tv_sec = seconds, .tv_nsec = nanos };

	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		return err_set(err, errno, "cannot set the clock");
	return 0;
}

int machine_follow_clock(int64_t seconds, int32_t nanos, struct err *err)
{
	struct timespec own;
	struct timeval slew;
	int64_t behind_us;

	if (clock_gettime(CLOCK_REALTIME, &own) < 0)
		return err_set(err, errno, "cannot read the clock");
	if (seconds - own.tv_sec > 1 || own.tv_sec - seconds > 1)
		return machine_set_clock(seconds, nanos, err);
	behind_us = (seconds - own.tv_sec) * 1000000 + (nanos - own.tv_nsec) / 1000;
	if (behind_us > CLOCK_SLEW_MAX_US || behind_us < -CLOCK_SLEW_MAX_US)
		return machine_set_clock(seconds, nanos, err);
	slew = (struct timeval){ .tv_usec = behind_us };
	return adjtime(&slew, NULL) < 0 ? err_set(err, errno, "cannot slew the clock") : 0;
}

int machine_add_entropy(const void *bytes, size_t len, struct err *err)
{
	union {
		struct rand_pool_info info;
		char room[sizeof(struct rand_pool_info) + ENTROPY_MAX_BYTES];
	} pool;
	_cleanup_fd_ int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "cannot open /dev/urandom");
	len = MIN(len, (size_t)ENTROPY_MAX_BYTES);
	pool.info.entropy_count = (int)len * 8;
	pool.info.buf_size = (int)len;
	memcpy(pool.info.buf, bytes, len);
	if (ioctl(fd, RNDADDENTROPY, &pool.info) < 0)
		return err_set(err, errno, "cannot add entropy");
	/* It counts from now on: a VM that started from a template has its siblings' key so far. */
	if (ioctl(fd, RNDRESEEDCRNG) < 0)
		return err_set(err, errno, "cannot seed the random numbers anew");
	return 0;
}

int machine_set_cpus_online(uint32_t count, struct err *err)
{
	for (uint32_t cpu = 1; cpu < count; cpu++) {
		char path[64], online[4] = "";
		_cleanup_fd_ int fd = -1;

		(void)snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		fd = open(path, O_RDWR | O_CLOEXEC);
		/* A CPU that cannot be taken offline has no such file: it is online. */
		if (fd < 0 && errno == ENOENT) {
			*strrchr(path, '/') = '\0';
			if (access(path, F_OK) == 0)
				continue;
			return err_say(err, ENODEV, "the VM has no CPU %u", cpu);
		}
		if (fd < 0 || fd_read_full(fd, online, sizeof(online) - 1) < 0)
			return err_set(err, errno, "cannot look at CPU %u", cpu);
		if (online[0] == '1')
			continue;
		if (pwrite(fd, "1", 1, 0) < 0)
			return err_set(err, errno, "cannot bring CPU %u online", cpu);
	}
	return 0;
}

/* name is one of /sys/block; what has no device (loop) is no disk. */
static int weigh_disk(const char *name, struct err *err)
{
	char path[NAME_MAX + 32], setting[64];
	_cleanup_free_ char *number = NULL;
	int r;

	(void)snprintf(path, sizeof(path), "/sys/block/%s/device", name);
	if (access(path, F_OK) < 0)
		return 0;
	(void)snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	r = file_read(AT_FDCWD, path, 32, &number, NULL, err);
	/* Taken away meanwhile. */
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	number[strcspn(number, "\n")] = '\0';
	(void)snprintf(setting, sizeof(setting), "%.32s enable=1", number);
	r = file_poke(AT_FDCWD, "/sys/fs/cgroup/io.cost.qos", setting);
	if (r == -ENOENT)
		return err_say(err, ENOENT,
			       "weights need CONFIG_BLK_CGROUP_IOCOST in the guest's kernel");
	return r < 0 ? err_set(err, -r, "cannot share out disk %s by weight", name) : 0;
}

int machine_weigh_disks(struct err *err)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/block");
	int r = 0;

	if (!dir)
		return err_set(err, errno, "cannot list the disks");
	for (struct dirent *entry; r == 0 && (entry = readdir(dir));)
		if (entry->d_name[0] != '.')
			r = weigh_disk(entry->d_name, err);
	return r;
}
