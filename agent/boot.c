/* SPDX-License-Identifier: Apache-2.0 */
/* What PID 1 of a VM does before it serves. */
#include "agent/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include <linux/module.h>

#include "agent/vsock.h"
#include "lib/fd.h"
#include "lib/log.h"

#define MODULES_FILE  "/etc/kata-like/modules"
#define MODULES_BYTES 65536

int boot_reserve_descriptors(struct err *err)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/", O_PATH) != fd)
			return err_set(err, errno, "cannot reserve descriptor %d", fd);
	}
	return 0;
}

/* In place of what was reserved. */
static int open_descriptors(struct err *err)
{
	for (int fd = 0; fd < 3; fd++) {
		_cleanup_fd_ int null_fd = -1;

		if (!(fcntl(fd, F_GETFL) & O_PATH))
			continue;
		null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			return err_set(err, errno, "cannot open /dev/null");
	}
	return 0;
}

static int load_module(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *dot = strrchr(path, '.');
	bool compressed = dot && strcmp(dot, ".ko") != 0;

	if (fd < 0)
		return err_set(err, errno, "cannot open module %s", path);
	if (syscall(SYS_finit_module, fd, "", compressed ? MODULE_INIT_COMPRESSED_FILE : 0) < 0 &&
	    errno != EEXIST)
		return err_set(err, errno, "cannot load module %s", path);
	return 0;
}

int boot_load_modules(struct err *err)
{
	_cleanup_free_ char *list = NULL;
	char *save = NULL;

	if (access(MODULES_FILE, F_OK) < 0)
		return 0;
	if (file_read(AT_FDCWD, MODULES_FILE, MODULES_BYTES, &list, NULL, err) < 0)
		return err->code;
	for (char *path = strtok_r(list, "\n", &save); path; path = strtok_r(NULL, "\n", &save)) {
		int r = load_module(path, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static const struct {
	const char *source, *target, *type, *data;
	unsigned long flags;
} mounts[] = {
	{ "proc", "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "dev", "/dev", "devtmpfs", "mode=0755", MS_NOSUID },
	{ "devpts", "/dev/pts", "devpts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC },
	{ "shm", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "run", "/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV },
	{ "tmp", "/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

/*
 * The initramfs is mounted on nothing, and pivot_root(2) refuses to leave such a root; bound on
 * itself and entered it is a mount like any other, so that containers can pivot. And it is made
 * read-only first: the agent's binary is reachable as /proc/PID/exe of each child that has not yet
 * called execve(2), through this very mount, and must not be opened for writing there.
 */
static int enter_bound_root(struct err *err)
{
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, NULL) < 0)
		return err_set(err, errno, "cannot make the initramfs read-only");
	if (mount("/", "/run", NULL, MS_BIND, NULL) < 0)
		return err_set(err, errno, "cannot bind the initramfs");
	if (chdir("/run") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return err_set(err, errno, "cannot enter the bound initramfs");
	return 0;
}

static int make_mount_points(struct err *err)
{
	static const char *const points[] = { "/proc", "/sys", "/dev", "/run", "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		if (mkdir(points[i], 0755) < 0 && errno != EEXIST)
			return err_set(err, errno, "cannot create %s", points[i]);
	}
	return 0;
}

int boot_mount(struct err *err)
{
	int r = make_mount_points(err);

	if (r == 0)
		r = enter_bound_root(err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(mounts); i++) {
		/* The ones below /dev do not exist yet; the others do. */
		if (strncmp(mounts[i].target, "/dev/", 5) == 0 &&
		    mkdir(mounts[i].target, 0755) < 0 && errno != EEXIST)
			return err_set(err, errno, "cannot create %s", mounts[i].target);
		if (mount(mounts[i].source, mounts[i].target, mounts[i].type, mounts[i].flags,
			  mounts[i].data) < 0)
			r = err_set(err, errno, "cannot mount %s on %s", mounts[i].type,
				    mounts[i].target);
	}
	return r == 0 ? open_descriptors(err) : r;
}

uint64_t boot_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

_noreturn_ void boot_fatal(const struct err *err, int words_fd)
{
	_cleanup_fd_ int console = open("/dev/console", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (console >= 0)
		(void)dup2(console, STDERR_FILENO);
	log_error("%s", err_text(err));
	vsock_last_words(words_fd, err_text(err));
	sync();
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
