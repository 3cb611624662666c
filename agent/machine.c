/* SPDX-License-Identifier: Apache-2.0 */
/* The VM as a machine. */
#include "agent/machine.h"

#include <errno.h>
#include <fcntl.h>
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
