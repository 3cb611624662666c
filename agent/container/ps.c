/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about one process. */
#include "agent/container/ps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/fd.h"

#define TTY_MAJOR_PTS_FIRST 136u
#define TTY_MAJOR_PTS_LAST  143u

static void name_tty(int number, char *tty, size_t size)
{
	unsigned int first = major((dev_t)number);

	if (first >= TTY_MAJOR_PTS_FIRST && first <= TTY_MAJOR_PTS_LAST)
		(void)snprintf(tty, size, "pts/%u",
			       (first - TTY_MAJOR_PTS_FIRST) * 256 + minor((dev_t)number));
	else
		(void)snprintf(tty, size, "?");
}

int ps_parse_stat(const char *text, struct ps_entry *ret_entry)
{
	const char *open = strchr(text, '(');
	const char *close = strrchr(text, ')');
	struct ps_entry entry = { 0 };
	uint64_t user, system;
	int tty;

	if (!open || !close || close < open)
		return -EINVAL;
	entry.pid = (pid_t)strtol(text, NULL, 10);
	if (sscanf(close + 1,
		   " %*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
		   " %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &entry.ppid, &tty, &user, &system, &entry.start_time_ticks) != 5)
		return -EINVAL;
	entry.cpu_ticks = user + system;
	name_tty(tty, entry.tty, sizeof(entry.tty));
	(void)snprintf(entry.command, sizeof(entry.command), "[%.*s]", (int)(close - open - 1),
		       open + 1);
	*ret_entry = entry;
	return 0;
}

static void read_command(pid_t pid, struct ps_entry *entry)
{
	char path[64], text[sizeof(entry->command)];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof(text) - 1);
	/* A kernel thread or a zombie has none. */
	if (n <= 0)
		return;
	while (n > 0 && text[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	text[n] = '\0';
	memcpy(entry->command, text, (size_t)n + 1);
}

int ps_read(pid_t pid, struct ps_entry *ret_entry)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st) < 0)
		return -ESRCH;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	r = file_read(AT_FDCWD, path, 4096, &text, NULL, NULL);
	if (r == 0)
		r = ps_parse_stat(text, ret_entry);
	if (r < 0)
		return -ESRCH;
	ret_entry->uid = st.st_uid;
	read_command(pid, ret_entry);
	return 0;
}
