/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of the network tests and benchmarks:
 *
 *	net-load send|receive HOST BYTES AT_ONCE [STREAMS]
 *					TCP to or from the server; prints "MBIT_S N"
 *	net-load rr HOST COUNT BYTES	TCP round trips; prints "PER_S N"
 *	net-load udp HOST COUNT BYTES	datagrams there and back, up to 16 at once; prints "LOST N"
 *	net-load ping HOST FROM TO	ICMP echo with each size of payload
 *	net-load ask HOST LETTER [TEXT]	another operation of the server; prints its answer
 *	net-load serve			the server itself
 *
 * HOST is a numeric address, with %INTERFACE if that matters. Exit status 0: all came back right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/kvm/net-load-pattern.h"
#include "tests/kvm/net-load.h"

#define PATIENCE_S   30
#define UDP_AT_ONCE  16u
#define DATAGRAM_MAX 65507u

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int connect_to(const char *host, int type)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = type };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct addrinfo *at;
	char port[8];
	int fd, one = 1;

	(void)snprintf(port, sizeof(port), "%d", NET_LOAD_PORT);
	if (getaddrinfo(host, port, &hints, &at) != 0) {
		(void)fprintf(stderr, "net-load: %s is no address\n", host);
		exit(2);
	}
	fd = socket(at->ai_family, type | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
		(void)fprintf(stderr, "net-load: cannot connect to %s: %s\n", host,
			      strerror(errno));
		exit(1);
	}
	freeaddrinfo(at);
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int ask(const char *host, const struct net_load_request *request)
{
	int fd = connect_to(host, SOCK_STREAM);

	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request))
		exit(1);
	return fd;
}

static bool move_one(const char *host, bool to_server, uint64_t bytes, uint32_t at_once)
{
	struct net_load_request request = { .op = to_server ? 't' : 'g',
					    .bytes = bytes,
					    .at_once = 1u << 17 };
	int fd;
	char answer;

	if (!to_server)
		request.at_once = at_once;
	fd = ask(host, &request);
	if (!to_server)
		return net_load_take(fd, bytes, 1u << 17);
	return net_load_give(fd, bytes, at_once) && recv(fd, &answer, 1, 0) == 1 && answer == 'g';
}

static int move(const char *host, bool to_server, uint64_t bytes, uint32_t at_once,
		unsigned streams)
{
	double start = now_s();
	int bad = 0, status;

	for (unsigned i = 0; i < streams; i++)
		if (fork() == 0)
			_exit(move_one(host, to_server, bytes, at_once) ? 0 : 1);
	while (wait(&status) > 0)
		bad += status != 0;
	printf("MBIT_S %.1f\n", (double)bytes * streams * 8 / 1e6 / (now_s() - start));
	return bad;
}

static int round_trips(const char *host, unsigned count, uint32_t bytes)
{
	struct net_load_request request = { .op = 'e',
					    .bytes = (uint64_t)count * bytes,
					    .at_once = bytes };
	int fd = ask(host, &request);
	uint8_t *block = malloc(bytes);
	double start = now_s();

	for (unsigned i = 0; block && i < count; i++) {
		net_load_fill(block, bytes, i);
		if (send(fd, block, bytes, MSG_NOSIGNAL) != (ssize_t)bytes ||
		    recv(fd, block, bytes, MSG_WAITALL) != (ssize_t)bytes ||
		    !net_load_check(block, bytes, i))
			return 1;
	}
	printf("PER_S %.0f\n", count / (now_s() - start));
	free(block);
	return 0;
}

/* Datagrams may be lost, but none may come back wrong. */
static int datagrams(const char *host, unsigned count, uint32_t bytes)
{
	static uint8_t datagram[DATAGRAM_MAX];
	struct timeval patience = { .tv_sec = 1 };
	int fd = connect_to(host, SOCK_DGRAM);
	unsigned lost = 0, batch;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (unsigned sent = 0; sent < count; sent += batch) {
		/* A socket's buffer takes but a few of the long ones. */
		batch = bytes > 4096 ? 1 : UDP_AT_ONCE;
		batch = count - sent < batch ? count - sent : batch;
		for (unsigned i = 0; i < batch; i++) {
			net_load_fill(datagram, bytes, bytes);
			if (send(fd, datagram, bytes, 0) != (ssize_t)bytes)
				return 1;
		}
		for (unsigned i = 0; i < batch; i++) {
			ssize_t n = recv(fd, datagram, sizeof(datagram), 0);

			if (n < 0)
				lost++;
			else if (n != (ssize_t)bytes || !net_load_check(datagram, bytes, bytes))
				return 1;
		}
	}
	printf("LOST %u\n", lost);
	return lost > count / 10;
}

static uint16_t checksum(const uint8_t *bytes, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static bool ping_one(int fd, uint16_t sequence, uint32_t bytes)
{
	static uint8_t out[sizeof(struct icmphdr) + DATAGRAM_MAX], in[sizeof(out) + 60];
	struct icmphdr header = { .type = ICMP_ECHO,
				  .un.echo = { htons(0x6b6c), htons(sequence) } };
	size_t len = sizeof(header) + bytes;

	net_load_fill(out + sizeof(header), bytes, sequence);
	memcpy(out, &header, sizeof(header));
	header.checksum = checksum(out, len);
	memcpy(out, &header, sizeof(header));
	if (send(fd, out, len, 0) != (ssize_t)len)
		return false;
	for (;;) {
		ssize_t n = recv(fd, in, sizeof(in), 0);
		const uint8_t *reply = in + (in[0] & 15) * 4;

		if (n < 0)
			return false;
		memcpy(&header, reply, sizeof(header));
		if (header.type == ICMP_ECHOREPLY && ntohs(header.un.echo.sequence) == sequence)
			return reply + len == in + n &&
			       net_load_check(reply + sizeof(header), bytes, sequence);
	}
}

static int ping(const char *host, uint32_t from, uint32_t to)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	struct timeval patience = { .tv_sec = 3 };
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd < 0 || inet_pton(AF_INET, host, &at.sin_addr) != 1 ||
	    connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return 2;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (uint32_t bytes = from; bytes <= to; bytes++) {
		if (!ping_one(fd, (uint16_t)bytes, bytes)) {
			printf("no right answer to a payload of %u bytes\n", bytes);
			return 1;
		}
	}
	return 0;
}

static int ask_other(const char *host, char op, const char *text)
{
	struct net_load_request request = { .op = op };
	char line[201];
	ssize_t n;
	int fd;

	(void)snprintf(request.text, sizeof(request.text), "%s", text);
	fd = ask(host, &request);
	n = recv(fd, line, sizeof(line) - 1, MSG_WAITALL);
	if (n <= 0)
		return 1;
	line[n] = '\0';
	printf("%s\n", line);
	return 0;
}

int main(int argc, char *argv[])
{
	const char *what = argc > 1 ? argv[1] : "", *host = argc > 2 ? argv[2] : "";
	uint64_t a = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	uint32_t b = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
	unsigned streams = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1;

	if (strcmp(what, "serve") == 0)
		return net_load_serve(NULL);
	if (strcmp(what, "send") == 0 || strcmp(what, "receive") == 0)
		return move(host, what[0] == 's', a, b, streams);
	if (strcmp(what, "rr") == 0)
		return round_trips(host, (unsigned)a, b);
	if (strcmp(what, "udp") == 0)
		return datagrams(host, (unsigned)a, b);
	if (strcmp(what, "ping") == 0)
		return ping(host, (uint32_t)a, b);
	if (strcmp(what, "ask") == 0 && argc > 3)
		return ask_other(host, argv[3][0], argc > 4 ? argv[4] : "");
	(void)fprintf(stderr, "net-load: see net-load.c\n");
	return 2;
}
