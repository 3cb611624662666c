/* SPDX-License-Identifier: Apache-2.0 */
/* The server of net-load.h. UDP datagrams are just sent back. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kvm/net-load-pattern.h"
#include "tests/kvm/net-load.h"

static int listen_at(int type)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(NET_LOAD_PORT) };
	int fd = socket(AF_INET6, type, 0), one = 1, zero = 0;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		return -1;
	return fd;
}

static void serve_udp(int fd)
{
	static char datagram[65536];

	for (;;) {
		struct sockaddr_in6 from;
		socklen_t len = sizeof(from);
		ssize_t n =
			recvfrom(fd, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &len);

		if (n >= 0)
			(void)sendto(fd, datagram, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

static void serve_tcp(int fd, net_load_other_fn *other)
{
	struct net_load_request request;
	char line[200] = "";
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (recv(fd, &request, sizeof(request), MSG_WAITALL) != sizeof(request))
		return;
	request.text[sizeof(request.text) - 1] = '\0';
	if (request.op == 't') {
		bool good = net_load_take(fd, request.bytes, request.at_once);

		(void)send(fd, good ? "g" : "b", 1, MSG_NOSIGNAL);
	} else if (request.op == 'g') {
		(void)net_load_give(fd, request.bytes, request.at_once);
	} else if (request.op == 'e') {
		(void)net_load_echo(fd, request.bytes, request.at_once);
	} else if (other) {
		other(&request, line, sizeof(line) - 1);
		(void)send(fd, line, strlen(line), MSG_NOSIGNAL);
	}
}

int net_load_serve(net_load_other_fn *other)
{
	int udp = listen_at(SOCK_DGRAM), tcp = listen_at(SOCK_STREAM);

	if (udp < 0 || tcp < 0) {
		printf("net-load: cannot listen: %s\n", strerror(errno));
		return 1;
	}
	(void)signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		serve_udp(udp);
	for (;;) {
		int fd = accept(tcp, NULL, NULL);

		if (fd < 0)
			continue;
		if (fork() == 0) {
			close(tcp);
			serve_tcp(fd, other);
			close(fd);
			_exit(0);
		}
		close(fd);
	}
}
