/* SPDX-License-Identifier: Apache-2.0 */
/* A process's terminal. */
#include "agent/container/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "agent/mount/resolve.h"

static int open_master(int root_fd)
{
	int fd = resolve_open_file(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);

	/* A container that mounts no devpts has the VM's. */
	if (fd == -ENOENT || fd == -ENOTDIR) {
		fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	return fd;
}

int terminal_open(int root_fd, const struct oci_process *process, int *ret_master_fd,
		  int *ret_slave_fd, struct err *err)
{
	const struct winsize size = { .ws_row = (unsigned short)process->console_height,
				      .ws_col = (unsigned short)process->console_width };
	_cleanup_fd_ int master_fd = open_master(root_fd);
	_cleanup_fd_ int slave_fd = -1;
	int unlock = 0;

	if (master_fd < 0)
		return err_set(err, -master_fd, "cannot open a pseudoterminal");
	if (ioctl(master_fd, TIOCSPTLCK, &unlock) < 0)
		return err_set(err, errno, "cannot unlock the terminal");
	/* By the master and not by its name, which the image could have put something else at. */
	slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave_fd < 0)
		return err_set(err, errno, "cannot open the terminal");
	if (size.ws_row > 0 && size.ws_col > 0 && ioctl(slave_fd, TIOCSWINSZ, &size) < 0)
		return err_set(err, errno, "cannot set the terminal's size");
	if (fchown(slave_fd, process->user.uid, (gid_t)-1) < 0)
		return err_set(err, errno, "cannot give the terminal to uid %u", process->user.uid);
	*ret_master_fd = TAKE_FD(master_fd);
	*ret_slave_fd = TAKE_FD(slave_fd);
	return 0;
}

int terminal_take(int slave_fd, struct err *err)
{
	for (int i = 0; i < 3; i++) {
		if (dup2(slave_fd, i) < 0)
			return err_set(err, errno, "cannot use the terminal");
	}
	if (ioctl(0, TIOCSCTTY, 0) < 0)
		return err_set(err, errno, "cannot make it the controlling terminal");
	return 0;
}
