/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp agent in a container of the pod: listens at the socket that is its first argument,
 * prints what it is told of the container that comes, and answers each of its calls with 4711.
 * Linked statically, as it runs in containers.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/seccomp.h>

#define ANSWER 4711

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int accept_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		die(path);
	return accept(fd, NULL, NULL);
}

/* The state as JSON, and the descriptor with it (runtime-spec 1.2, "The Seccomp Process State"). */
static int receive_filter(int connection)
{
	static char text[65536];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	const struct cmsghdr *header;
	int fd;

	if (recvmsg(connection, &message, 0) <= 0)
		die("recvmsg");
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		die("no descriptor");
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	(void)printf("%s\n", text);
	(void)fflush(stdout);
	return fd;
}

/* Until nobody is left who has the filter. */
static void answer_all(int filter)
{
	struct pollfd ready = { .fd = filter, .events = POLLIN };

	while (poll(&ready, 1, -1) > 0 && !(ready.revents & POLLHUP)) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { .val = ANSWER };

		/* The caller may have been killed meanwhile. */
		if (ioctl(filter, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0 && errno == ENOENT)
			continue;
		answer.id = call.id;
		if (ioctl(filter, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno != ENOENT)
			die("SECCOMP_IOCTL_NOTIF_SEND");
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	answer_all(receive_filter(accept_at(argv[1])));
	return 0;
}
