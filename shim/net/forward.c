/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Port-forward. A connection is accepted by one of two sockets that sk_lookup leads everything for
 * localhost to; its own address tells which port was meant. A stream to the agent asks for that
 * port, and once that is answered bytes go both ways:
 *
 *	accepted -> ASKED -> OPEN, both directions -> one direction -> freed
 */
#include "shim/net/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/vsock-link.h"
#include "shim/net/netns.h"
#include "shim/net/pump.h"
#include "shim/net/sk-lookup.h"

#define BACKLOG 64

struct connection {
	struct forward *forward;
	struct connection *next, **self;
	int client_fd, guest_fd;
	struct loop_source *answer;
	struct pump *pump;
};

struct listener {
	int fd;
	struct loop_source *source;
};

struct forward {
	struct loop *loop;
	struct vsock_link *link;
	struct listener listeners[2]; /* IPv4, IPv6 */
	int bpf_link_fd;
	struct connection *connections;
	size_t n_connections;
};

static void listen_for_more(struct forward *forward, bool on)
{
	for (size_t i = 0; i < ARRAY_SIZE(forward->listeners); i++)
		if (forward->listeners[i].source)
			(void)!loop_source_set_events(forward->listeners[i].source,
						      on ? EPOLLIN : 0);
}

static void connection_free(struct connection *connection)
{
	struct forward *forward = connection->forward;

	*connection->self = connection->next;
	if (connection->next)
		connection->next->self = connection->self;
	loop_source_free(connection->answer);
	pump_free(connection->pump);
	cleanup_fd(&connection->client_fd);
	cleanup_fd(&connection->guest_fd);
	free(connection);
	if (forward->n_connections-- == FORWARD_CONNECTIONS_MAX)
		listen_for_more(forward, true);
}

/* The client sees a reset, which is the nearest to a refusal that is left. */
static void refuse(struct connection *connection)
{
	const struct linger abort = { .l_onoff = 1 };

	(void)setsockopt(connection->client_fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
	connection_free(connection);
}

static void pumped(void *ctx)
{
	connection_free(ctx);
}

static void answered(void *ctx, int fd, uint32_t events)
{
	struct connection *connection = ctx;
	int32_t errnum = 0;
	ssize_t n = recv(fd, &errnum, sizeof(errnum), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(errnum) || errnum != 0) {
		refuse(connection);
		return;
	}
	loop_source_free(connection->answer);
	connection->answer = NULL;
	if (pump_new(connection->forward->loop, connection->client_fd, connection->guest_fd, pumped,
		     connection, &connection->pump) < 0)
		refuse(connection);
}

/* Which port the client meant. */
static int read_request(int client_fd, struct vsock_forward_request *ret_request)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .any = { .sa_family = AF_UNSPEC } };
	socklen_t len = sizeof(address);

	if (getsockname(client_fd, &address.any, &len) < 0)
		return -errno;
	*ret_request = (struct vsock_forward_request){
		.ipv6 = address.any.sa_family == AF_INET6,
		.port = ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
								: address.v4.sin_port),
	};
	return 0;
}

static int ask_guest(struct connection *connection, struct err *err)
{
	struct forward *forward = connection->forward;
	struct vsock_forward_request request = { 0 };
	int r = read_request(connection->client_fd, &request);

	if (r < 0)
		return err_set(err, -r, "cannot tell which port was meant");
	r = vsock_link_connect(forward->link, VSOCK_PORT_FORWARD, &connection->guest_fd, err);
	if (r < 0)
		return r;
	/* The first bytes in an empty socket buffer fit. */
	if (send(connection->guest_fd, &request, sizeof(request), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(request))
		return err_set(err, EPIPE, "cannot ask the guest for port %u", request.port);
	r = loop_add_fd(forward->loop, connection->guest_fd, EPOLLIN, answered, connection,
			&connection->answer);
	return r < 0 ? err_set(err, -r, "cannot wait for the guest") : 0;
}

static void accept_ready(void *ctx, int listen_fd, uint32_t events)
{
	struct forward *forward = ctx;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection = fd < 0 ? NULL : calloc(1, sizeof(*connection));
	struct err err = ERR_INIT;

	(void)events;
	if (!connection) {
		cleanup_fd(&fd);
		return;
	}
	*connection = (struct connection){ .forward = forward, .client_fd = fd, .guest_fd = -1 };
	connection->next = forward->connections;
	if (connection->next)
		connection->next->self = &connection->next;
	connection->self = &forward->connections;
	forward->connections = connection;
	if (++forward->n_connections == FORWARD_CONNECTIONS_MAX)
		listen_for_more(forward, false);
	if (ask_guest(connection, &err) < 0) {
		log_warn("port-forward: %s", err_text(&err));
		refuse(connection);
	}
}

struct opening {
	int fds[2];
};

static int open_listener(int family, int *ret_fd)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	_cleanup_fd_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    bind(fd, family == AF_INET ? (const void *)&v4 : (const void *)&v6,
		 family == AF_INET ? sizeof(v4) : sizeof(v6)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_listeners(void *ctx, struct err *err)
{
	struct opening *opening = ctx;
	int r = open_listener(AF_INET, &opening->fds[0]);

	if (r < 0)
		return err_set(err, -r, "cannot listen on localhost in the pod's namespace");
	/* A namespace without IPv6 has no ::1. */
	(void)!open_listener(AF_INET6, &opening->fds[1]);
	return 0;
}

int forward_new(struct loop *loop, int netns_fd, struct vsock_link *link,
		struct forward **ret_forward, struct err *err)
{
	struct forward *forward = calloc(1, sizeof(*forward));
	struct opening opening = { { -1, -1 } };
	int r;

	if (!forward)
		return err_set(err, ENOMEM, "cannot forward ports");
	forward->loop = loop;
	forward->link = link;
	forward->bpf_link_fd = -1;
	r = netns_do(netns_fd, open_listeners, &opening, err);
	for (size_t i = 0; i < ARRAY_SIZE(forward->listeners); i++)
		forward->listeners[i].fd = opening.fds[i];
	if (r == 0)
		r = sk_lookup_attach(netns_fd, opening.fds[0], opening.fds[1],
				     &forward->bpf_link_fd, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(forward->listeners); i++) {
		struct listener *listener = &forward->listeners[i];

		if (listener->fd < 0)
			continue;
		r = loop_add_fd(loop, listener->fd, EPOLLIN, accept_ready, forward,
				&listener->source);
		if (r < 0)
			r = err_set(err, -r, "cannot wait for connections");
	}
	if (r < 0) {
		forward_free(forward);
		return r;
	}
	*ret_forward = forward;
	return 0;
}

void forward_free(struct forward *forward)
{
	if (!forward)
		return;
	while (forward->connections)
		connection_free(forward->connections);
	for (size_t i = 0; i < ARRAY_SIZE(forward->listeners); i++) {
		loop_source_free(forward->listeners[i].source);
		cleanup_fd(&forward->listeners[i].fd);
	}
	cleanup_fd(&forward->bpf_link_fd);
	free(forward);
}
