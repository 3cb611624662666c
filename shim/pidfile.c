/* SPDX-License-Identifier: Apache-2.0 */
/* Files that name a process by number and start time. */
#include "shim/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "lib/fd.h"

#define PIDFILE_BYTES_MAX 128
#define STAT_BYTES_MAX	  4096

/* State letter and start time of a process. The name in field 2 may hold anything, even ')'. */
static int read_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	char path[64];
	_cleanup_free_ char *text = NULL;
	char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(AT_FDCWD, path, STAT_BYTES_MAX, &text, NULL, NULL) < 0)
		return -ESRCH;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1,
			 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			 "%*d %" SCNu64,
			 ret_state, ret_start) != 2)
		return -EIO;
	return 0;
}

int pidfile_write(const char *path, pid_t pid, struct err *err)
{
	char text[PIDFILE_BYTES_MAX], state;
	uint64_t start;
	int r = read_stat(pid, &state, &start), n;

	if (r < 0)
		return err_set(err, -r, "cannot read the start time of process %d", pid);
	n = snprintf(text, sizeof(text), "%d %" PRIu64 "\n", pid, start);
	return file_write_atomic(path, text, (size_t)n, 0600, err);
}

int pidfile_open(const char *path, int *ret_pidfd, pid_t *ret_pid)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_fd_ int pidfd = -1;
	uint64_t start, recorded;
	char state;
	int pid, r;

	r = file_read(AT_FDCWD, path, PIDFILE_BYTES_MAX, &text, NULL, NULL);
	if (r < 0)
		return r;
	if (sscanf(text, "%d %" SCNu64, &pid, &recorded) != 2 || pid <= 1)
		return -EINVAL;
	/* First the handle, then the check: what was checked is then what the handle holds. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	r = read_stat(pid, &state, &start);
	if (r < 0)
		return r;
	if (start != recorded || state == 'Z' || state == 'X')
		return -ESRCH;
	*ret_pidfd = TAKE_FD(pidfd);
	*ret_pid = pid;
	return 0;
}

bool pidfile_lives(const char *path)
{
	_cleanup_fd_ int pidfd = -1;
	pid_t pid;

	return pidfile_open(path, &pidfd, &pid) == 0;
}

bool pidfile_await_end(const char *path, int timeout_ms)
{
	_cleanup_fd_ int pidfd = -1;
	struct pollfd ended;
	pid_t pid;

	if (pidfile_open(path, &pidfd, &pid) < 0)
		return true;
	ended = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	return poll(&ended, 1, timeout_ms) > 0;
}

int pidfile_kill(const char *path, int timeout_ms, struct err *err)
{
	_cleanup_fd_ int pidfd = -1;
	struct pollfd ended;
	pid_t pid = 0;
	int r = pidfile_open(path, &pidfd, &pid);

	if (r == -ESRCH || r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, -r, "cannot read %s", path);
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return err_set(err, errno, "cannot kill process %d", pid);
	ended = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	r = poll(&ended, 1, timeout_ms);
	if (r <= 0)
		return err_set(err, r < 0 ? errno : ETIMEDOUT, "process %d does not end", pid);
	return 0;
}
