/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's terminal. */
#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>

int terminal_find(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

void terminal_size(int fd, uint32_t *ret_columns, uint32_t *ret_rows)
{
	struct winsize size = { 0 };

	if (fd < 0 || ioctl(fd, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	*ret_columns = size.ws_col;
	*ret_rows = size.ws_row;
}

int terminal_set_raw(struct terminal *terminal, int fd, struct err *err)
{
	struct termios raw;

	if (!terminal->is_raw && tcgetattr(fd, &terminal->saved) < 0)
		return err_set(err, errno, "cannot read the terminal's settings");
	raw = terminal->saved;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSANOW, &raw) < 0)
		return err_set(err, errno, "cannot set the terminal to raw mode");
	terminal->fd = fd;
	terminal->is_raw = true;
	return 0;
}

void terminal_restore(struct terminal *terminal)
{
	sigset_t blocked, before;

	if (!terminal->is_raw)
		return;
	/* From the background tcsetattr() would stop the process; the terminal matters more. */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &blocked, &before);
	(void)tcsetattr(terminal->fd, TCSADRAIN, &terminal->saved);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	terminal->is_raw = false;
}
