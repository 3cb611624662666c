/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command that inherits taps: with-tap NAME QUEUES FD COMMAND [ARGUMENT]… opens the queues
 * of the (persistent) tap NAME as descriptors FD, FD+1, …
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	int queues = argc > 4 ? atoi(argv[2]) : 0, first = argc > 4 ? atoi(argv[3]) : 0;
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (queues < 1 || first < 3) {
		(void)fprintf(stderr, "usage: with-tap NAME QUEUES FD COMMAND [ARGUMENT]...\n");
		return 2;
	}
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", argv[1]);
	if (queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	for (int i = 0; i < queues; i++) {
		int fd = open("/dev/net/tun", O_RDWR);

		if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0) {
			perror("with-tap");
			return 1;
		}
		if (fd != first + i) {
			(void)dup2(fd, first + i);
			close(fd);
		}
	}
	execvp(argv[4], argv + 4);
	perror("with-tap: cannot run the command");
	return 127;
}
