/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command with a file server behind descriptor 9, as the shim does: makes a listening
 *socket, connects to it, starts the server on the listening end, and executes the command with the
 *other.
 *
 *	usage: with-fs PIDFILE SERVER [ARGUMENT]… -- COMMAND [ARGUMENT]…
 *
 * "%" in a server's argument stands for the number of the listening descriptor. The server's
 *process id is written to PIDFILE.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define COMMAND_FD 9
#define LISTEN_FD  8

/* A connected socket; *ret_listen_fd has its other end waiting. */
static int connect_to_self(int *ret_listen_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(address);

	/* An address of the kernel's choice. */
	if (listen_fd < 0 || fd < 0 ||
	    bind(listen_fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
	    listen(listen_fd, 1) < 0 ||
	    getsockname(listen_fd, (struct sockaddr *)&address, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&address, size) < 0)
		return -1;
	*ret_listen_fd = listen_fd;
	return fd;
}

static void put_number(char *argument)
{
	char *at = strchr(argument, '%');

	if (at)
		*at = (char)('0' + LISTEN_FD);
}

static bool note_pid(const char *path, pid_t pid)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return false;
	(void)fprintf(file, "%d\n", pid);
	return fclose(file) == 0;
}

int main(int argc, char *argv[])
{
	int split = 2, fd, listen_fd;
	pid_t pid;

	while (split < argc && strcmp(argv[split], "--") != 0)
		split++;
	if (split < 3 || split + 1 >= argc) {
		(void)fprintf(stderr, "usage: with-fs PIDFILE SERVER... -- COMMAND...\n");
		return 2;
	}
	argv[split] = NULL;
	fd = connect_to_self(&listen_fd);
	if (fd < 0) {
		perror("with-fs: socket");
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		for (int i = 3; i < split; i++)
			put_number(argv[i]);
		if (dup2(listen_fd, LISTEN_FD) == LISTEN_FD)
			execv(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || !note_pid(argv[1], pid) || dup2(fd, COMMAND_FD) < 0) {
		perror("with-fs");
		return 1;
	}
	execv(argv[split + 1], argv + split + 1);
	perror(argv[split + 1]);
	return 127;
}
