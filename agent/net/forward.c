/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams from the host to the VM's own localhost. Each goes
 *
 *	REQUEST -> CONNECT -> (the other family, once) -> OPEN
 *
 * and then is a pair of relays, freed when both have closed.
 */
#include "agent/net/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/relay.h"
#include "lib/fd.h"
#include "proto/vsock-link.h"

/* How often ended relays are looked for, while there are any. */
#define REAP_INTERVAL_MS 250

struct stream {
	struct forwarder *forwarder;
	struct stream *next, **self;
	int host_fd, guest_fd; /* -1 once a relay owns them */
	struct vsock_forward_request request;
	bool second_try;
	struct loop_source *source;
	struct relay *to_guest, *to_host;
};

struct forwarder {
	struct loop *loop;
	int listen_fd;
	struct loop_source *source, *reaper;
	struct stream *streams;
	size_t n_streams;
};

static void stream_free(struct stream *stream)
{
	struct forwarder *forwarder = stream->forwarder;

	*stream->self = stream->next;
	if (stream->next)
		stream->next->self = stream->self;
	loop_source_free(stream->source);
	relay_free(stream->to_guest);
	relay_free(stream->to_host);
	if (stream->host_fd >= 0)
		close(stream->host_fd);
	if (stream->guest_fd >= 0)
		close(stream->guest_fd);
	free(stream);
	if (forwarder->n_streams-- == FORWARD_STREAMS_MAX)
		(void)!loop_source_set_events(forwarder->source, EPOLLIN);
}

static void try_connect(struct stream *stream);

/* The answer is the first thing in an empty socket buffer: it fits, or the host is gone. */
static bool answer(const struct stream *stream, int errnum)
{
	int32_t value = errnum;

	return send(stream->host_fd, &value, sizeof(value), MSG_NOSIGNAL) == sizeof(value);
}

static int relay_both_ways(struct stream *stream)
{
	int host_copy = fcntl(stream->host_fd, F_DUPFD_CLOEXEC, 3);
	int guest_copy = fcntl(stream->guest_fd, F_DUPFD_CLOEXEC, 3);
	struct loop *loop = stream->forwarder->loop;
	int r;

	if (host_copy < 0 || guest_copy < 0) {
		cleanup_fd(&host_copy);
		cleanup_fd(&guest_copy);
		return -EMFILE;
	}
	r = relay_new(loop, host_copy, guest_copy, RELAY_END_SHUTDOWN, &stream->to_guest);
	if (r == 0)
		r = relay_new(loop, TAKE_FD(stream->guest_fd), TAKE_FD(stream->host_fd),
			      RELAY_END_SHUTDOWN, &stream->to_host);
	return r;
}

static void connected(struct stream *stream, int errnum)
{
	loop_source_free(stream->source);
	stream->source = NULL;
	if (errnum != 0 && !stream->second_try) {
		stream->second_try = true;
		stream->request.ipv6 = !stream->request.ipv6;
		cleanup_fd(&stream->guest_fd);
		stream->guest_fd = -1;
		try_connect(stream);
		return;
	}
	if (!answer(stream, errnum) || errnum != 0 || relay_both_ways(stream) < 0) {
		stream_free(stream);
		return;
	}
	loop_timer_arm(stream->forwarder->reaper, REAP_INTERVAL_MS);
}

static void connect_ready(void *ctx, int fd, uint32_t events)
{
	int errnum = 0;
	socklen_t len = sizeof(errnum);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len) < 0)
		errnum = errno;
	connected(ctx, errnum);
}

static int start_connect(struct stream *stream)
{
	const struct sockaddr_in v4 = { .sin_family = AF_INET,
					.sin_port = htons(stream->request.port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
					 .sin6_port = htons(stream->request.port),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool ipv6 = stream->request.ipv6;

	stream->guest_fd =
		socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (stream->guest_fd < 0)
		return -errno;
	if (connect(stream->guest_fd, ipv6 ? (const void *)&v6 : (const void *)&v4,
		    ipv6 ? sizeof(v6) : sizeof(v4)) == 0)
		return 0;
	return -errno;
}

static void try_connect(struct stream *stream)
{
	int r = start_connect(stream);

	if (r == -EINPROGRESS)
		r = loop_add_fd(stream->forwarder->loop, stream->guest_fd, EPOLLOUT, connect_ready,
				stream, &stream->source);
	/* What waits for nothing is decided now. */
	if (!stream->source)
		connected(stream, -r);
}

static void request_ready(void *ctx, int fd, uint32_t events)
{
	struct stream *stream = ctx;
	ssize_t n = recv(fd, &stream->request, sizeof(stream->request), MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* So few bytes come in one piece. */
	if (n != (ssize_t)sizeof(stream->request)) {
		stream_free(stream);
		return;
	}
	loop_source_free(stream->source);
	stream->source = NULL;
	try_connect(stream);
}

static void add_stream(struct forwarder *forwarder, int fd)
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream) {
		close(fd);
		return;
	}
	*stream = (struct stream){ .forwarder = forwarder, .host_fd = fd, .guest_fd = -1 };
	stream->next = forwarder->streams;
	if (stream->next)
		stream->next->self = &stream->next;
	stream->self = &forwarder->streams;
	forwarder->streams = stream;
	if (++forwarder->n_streams == FORWARD_STREAMS_MAX &&
	    loop_source_set_events(forwarder->source, 0) < 0) {
		stream_free(stream);
		return;
	}
	if (fd_set_nonblock(fd, 1) < 0 ||
	    loop_add_fd(forwarder->loop, fd, EPOLLIN, request_ready, stream, &stream->source) < 0)
		stream_free(stream);
}

static void accept_ready(void *ctx, int listen_fd, uint32_t events)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd >= 0)
		add_stream(ctx, fd);
}

static void reap(void *ctx)
{
	struct forwarder *forwarder = ctx;
	bool more = false;

	for (struct stream *stream = forwarder->streams, *next; stream; stream = next) {
		next = stream->next;
		if (!stream->to_host)
			continue;
		if (relay_ended(stream->to_guest) && relay_ended(stream->to_host))
			stream_free(stream);
		else
			more = true;
	}
	if (more)
		loop_timer_arm(forwarder->reaper, REAP_INTERVAL_MS);
}

int forwarder_new(struct loop *loop, int listen_fd, struct forwarder **ret_forwarder,
		  struct err *err)
{
	struct forwarder *forwarder = calloc(1, sizeof(*forwarder));
	int r;

	if (!forwarder) {
		close(listen_fd);
		return err_set(err, ENOMEM, "cannot forward ports");
	}
	forwarder->loop = loop;
	forwarder->listen_fd = listen_fd;
	r = loop_add_timer(loop, reap, forwarder, &forwarder->reaper);
	if (r == 0)
		r = loop_add_fd(loop, listen_fd, EPOLLIN, accept_ready, forwarder,
				&forwarder->source);
	if (r < 0) {
		forwarder_free(forwarder);
		return err_set(err, -r, "cannot forward ports");
	}
	*ret_forwarder = forwarder;
	return 0;
}

void forwarder_free(struct forwarder *forwarder)
{
	if (!forwarder)
		return;
	while (forwarder->streams)
		stream_free(forwarder->streams);
	loop_source_free(forwarder->source);
	loop_source_free(forwarder->reaper);
	close(forwarder->listen_fd);
	free(forwarder);
}
