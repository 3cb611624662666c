/* SPDX-License-Identifier: Apache-2.0 */
/* The ttrpc server: connections, and the calls under way on each. */
#include "proto/ttrpc/server.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/ttrpc/connection.h"
#include "proto/ttrpc/unpack.h"
#include "ttrpc.pb-c.h"

#define CALLS_MAX 1024u /* under way on one connection */
#define NO_MEMORY "no memory for a request"

struct registered {
	const struct ttrpc_service *service;
	void *ctx;
	struct registered *next;
};

struct listener {
	struct ttrpc_server *server;
	struct loop_source *source;
	int fd;
	bool check_peer;
	struct listener *next;
};

struct peer {
	struct ttrpc_server *server;
	struct ttrpc_connection *connection;
	struct ttrpc_call *calls;
	size_t n_calls;
	uint32_t last_stream_id;
	ttrpc_closed_fn *closed;
	void *closed_ctx;
	struct peer *next, *prev;
};

struct ttrpc_server {
	struct loop *loop;
	ttrpc_failed_fn *failed; /* NULL for nobody to tell */
	void *failed_ctx;
	struct registered *services;
	struct listener *listeners;
	struct peer *peers;
};

struct ttrpc_call {
	struct peer *peer; /* NULL once the connection is gone */
	uint32_t stream_id;
	const struct ttrpc_method *method;
	KataLike__Ttrpc__Request *envelope;
	int64_t deadline_ms;		       /* of the monotonic clock; -1 for none */
	const struct ttrpc_stream_ops *stream; /* NULL for a unary one */
	void *stream_ctx;
	bool finished; /* the client sends no more on its stream */
	struct ttrpc_call *next, *prev;
};

int ttrpc_server_new(struct loop *loop, struct ttrpc_server **ret_server, struct err *err)
{
	struct ttrpc_server *server = calloc(1, sizeof(*server));

	if (!server)
		return err_set(err, ENOMEM, "cannot make a ttrpc server");
	server->loop = loop;
	*ret_server = server;
	return 0;
}

int ttrpc_server_add_service(struct ttrpc_server *server, const struct ttrpc_service *service,
			     void *ctx)
{
	struct registered *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->service = service;
	entry->ctx = ctx;
	entry->next = server->services;
	server->services = entry;
	return 0;
}

void ttrpc_server_on_failure(struct ttrpc_server *server, ttrpc_failed_fn *fn, void *ctx)
{
	server->failed = fn;
	server->failed_ctx = ctx;
}

/* A peer that waits for what cannot be sent would wait for ever. */
static void peer_give_up(struct peer *peer, const char *why)
{
	log_error("%s: its connection ends", why);
	if (peer->server->failed)
		peer->server->failed(peer->server->failed_ctx, why);
	ttrpc_connection_break(peer->connection);
}

static void peer_send_response(struct peer *peer, uint32_t stream_id,
			       const KataLike__Ttrpc__Response *response)
{
	size_t len = kata_like__ttrpc__response__get_packed_size(response);
	struct ttrpc_frame frame = { .len_bytes = (uint32_t)len,
				     .stream_id = stream_id,
				     .type = TTRPC_FRAME_RESPONSE };
	_cleanup_free_ uint8_t *packed = malloc(len ? len : 1);

	if (packed)
		kata_like__ttrpc__response__pack(response, packed);
	if (!packed || ttrpc_connection_send(peer->connection, &frame, packed) < 0)
		peer_give_up(peer, "no memory to answer a call");
}

/* The good end of a stream. */
static void peer_send_end(struct peer *peer, uint32_t stream_id)
{
	if (ttrpc_connection_send_end(peer->connection, stream_id) < 0)
		peer_give_up(peer, "no memory to end a stream");
}

static void peer_send_status(struct peer *peer, uint32_t stream_id, enum ttrpc_code code,
			     const char *message)
{
	KataLike__Ttrpc__Status status = KATA_LIKE__TTRPC__STATUS__INIT;
	KataLike__Ttrpc__Response response = KATA_LIKE__TTRPC__RESPONSE__INIT;

	status.code = (int32_t)code;
	status.message = (char *)message;
	response.status = &status;
	peer_send_response(peer, stream_id, &response);
}

static void call_free(struct ttrpc_call *call)
{
	struct peer *peer = call->peer;

	if (peer) {
		if (call->prev)
			call->prev->next = call->next;
		else
			peer->calls = call->next;
		if (call->next)
			call->next->prev = call->prev;
		peer->n_calls--;
	}
	kata_like__ttrpc__request__free_unpacked(call->envelope, NULL);
	free(call);
}

/* Not by the service's own wish. */
static void end_stream(struct ttrpc_call *call, enum ttrpc_code code, const char *message)
{
	const struct ttrpc_status status = { code, message };
	const struct ttrpc_stream_ops *ops = call->stream;
	void *ctx = call->stream_ctx;

	if (call->peer)
		peer_send_status(call->peer, call->stream_id, code, message);
	call_free(call);
	ops->ended(ctx, &status);
}

/* Ends a connection and its streams; its other calls live on without one. */
static void peer_free(struct peer *peer)
{
	struct ttrpc_call *streams = NULL;

	for (struct ttrpc_call *call = peer->calls, *next; call; call = next) {
		next = call->next;
		call->peer = NULL;
		if (!call->stream)
			continue;
		call->next = streams;
		streams = call;
	}
	while (streams) {
		struct ttrpc_call *call = streams;

		streams = call->next;
		end_stream(call, TTRPC_UNAVAILABLE, "the connection was lost");
	}
	if (peer->prev)
		peer->prev->next = peer->next;
	else
		peer->server->peers = peer->next;
	if (peer->next)
		peer->next->prev = peer->prev;
	ttrpc_connection_free(peer->connection);
	free(peer);
}

void ttrpc_server_free(struct ttrpc_server *server)
{
	if (!server)
		return;
	while (server->peers)
		peer_free(server->peers);
	while (server->listeners) {
		struct listener *listener = server->listeners;

		server->listeners = listener->next;
		loop_source_free(listener->source);
		close(listener->fd);
		free(listener);
	}
	while (server->services) {
		struct registered *entry = server->services;

		server->services = entry->next;
		free(entry);
	}
	free(server);
}

void ttrpc_call_reply(struct ttrpc_call *call, const ProtobufCMessage *response)
{
	KataLike__Ttrpc__Response envelope = KATA_LIKE__TTRPC__RESPONSE__INIT;
	size_t len = protobuf_c_message_get_packed_size(response);
	_cleanup_free_ uint8_t *packed = NULL;

	/* Room for the envelope's own few bytes. */
	if (len > TTRPC_FRAME_DATA_MAX - 64) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED,
				"the answer to %s has %zu bytes, more than ttrpc carries",
				call->method->name, len);
		return;
	}
	packed = malloc(len ? len : 1);
	if (!packed) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory for the answer to %s",
				call->method->name);
		return;
	}
	log_debug("%s: answered", call->method->name);
	envelope.payload.len = protobuf_c_message_pack(response, packed);
	envelope.payload.data = packed;
	if (call->peer)
		peer_send_response(call->peer, call->stream_id, &envelope);
	call_free(call);
}

void ttrpc_call_reply_empty(struct ttrpc_call *call)
{
	KataLike__Ttrpc__Response envelope = KATA_LIKE__TTRPC__RESPONSE__INIT;

	log_debug("%s: answered", call->method->name);
	if (call->peer && call->stream)
		peer_send_end(call->peer, call->stream_id);
	else if (call->peer)
		peer_send_response(call->peer, call->stream_id, &envelope);
	call_free(call);
}

void ttrpc_call_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *fmt, ...)
{
	char message[ERR_TEXT_MAX];
	va_list va;

	va_start(va, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, va);
	va_end(va);
	log_debug("%s: failed: %s", call->method->name, message);
	if (call->peer)
		peer_send_status(call->peer, call->stream_id, code, message);
	call_free(call);
}

void ttrpc_call_fail_err(struct ttrpc_call *call, const struct err *err)
{
	ttrpc_call_fail(call, ttrpc_code_from_errno(-err->code), "%s", err_text(err));
}

void ttrpc_call_stream(struct ttrpc_call *call, const struct ttrpc_stream_ops *ops, void *ctx)
{
	call->stream = ops;
	call->stream_ctx = ctx;
}

int ttrpc_call_send(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	/* Without a peer it is about to be told of its end. */
	return call->peer ? ttrpc_connection_send_message(call->peer->connection, call->stream_id,
							  message)
			  : -ECONNRESET;
}

bool ttrpc_call_is_held_up(const struct ttrpc_call *call)
{
	return !call->peer || ttrpc_connection_pending(call->peer->connection) > 0;
}

bool ttrpc_call_is_unread(const struct ttrpc_call *call)
{
	return call->peer && ttrpc_connection_is_unread(call->peer->connection);
}

const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key)
{
	for (size_t i = 0; i < call->envelope->n_metadata; i++)
		if (strcmp(call->envelope->metadata[i]->key, key) == 0)
			return call->envelope->metadata[i]->value;
	return NULL;
}

int64_t ttrpc_call_deadline_ms(const struct ttrpc_call *call)
{
	if (call->deadline_ms < 0)
		return -1;
	return MAX((int64_t)0, call->deadline_ms - clock_monotonic_ms());
}

static const struct ttrpc_method *server_find(const struct ttrpc_server *server,
					      const KataLike__Ttrpc__Request *envelope,
					      void **ret_ctx)
{
	for (struct registered *entry = server->services; entry; entry = entry->next) {
		if (strcmp(entry->service->name, envelope->service) != 0)
			continue;
		for (size_t i = 0; i < entry->service->n_methods; i++) {
			const struct ttrpc_method *method = &entry->service->methods[i];

			if (strcmp(method->name, envelope->method) != 0)
				continue;
			*ret_ctx = entry->ctx;
			return method;
		}
	}
	return NULL;
}

/* Starts a call; takes over the envelope on success. */
static struct ttrpc_call *call_new(struct peer *peer, uint32_t stream_id,
				   const struct ttrpc_method *method,
				   KataLike__Ttrpc__Request *envelope)
{
	struct ttrpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->peer = peer;
	call->stream_id = stream_id;
	call->method = method;
	call->envelope = envelope;
	call->deadline_ms = -1;
	if (envelope->timeout_nano > 0)
		call->deadline_ms = clock_monotonic_ms() + envelope->timeout_nano / 1000000;
	call->next = peer->calls;
	if (call->next)
		call->next->prev = call;
	peer->calls = call;
	peer->n_calls++;
	return call;
}

static void peer_call(struct peer *peer, const struct ttrpc_frame *frame,
		      KataLike__Ttrpc__Request *envelope)
{
	uint32_t stream_id = frame->stream_id;
	bool streaming = frame->flags & (TTRPC_FLAG_REMOTE_OPEN | TTRPC_FLAG_REMOTE_CLOSED);
	void *ctx = NULL;
	const struct ttrpc_method *method = server_find(peer->server, envelope, &ctx);
	ProtobufCMessage *request = NULL;
	struct ttrpc_call *call = NULL;
	char message[256];
	int r;

	if (!method) {
		(void)snprintf(message, sizeof(message), "%.100s/%.100s is not served here",
			       envelope->service, envelope->method);
		peer_send_status(peer, stream_id, TTRPC_UNIMPLEMENTED, message);
		goto free_envelope;
	}
	if (method->streaming != streaming) {
		(void)snprintf(message, sizeof(message), "%s is %s streaming method", method->name,
			       streaming ? "no" : "a");
		peer_send_status(peer, stream_id, TTRPC_INVALID_ARGUMENT, message);
		goto free_envelope;
	}
	r = ttrpc_unpack(method->request, envelope->payload.data, envelope->payload.len, &request);
	if (r == -ENOMEM) {
		peer_send_status(peer, stream_id, TTRPC_RESOURCE_EXHAUSTED, NO_MEMORY);
		goto free_envelope;
	}
	if (r < 0) {
		(void)snprintf(message, sizeof(message), "the request of %s is malformed",
			       method->name);
		peer_send_status(peer, stream_id, TTRPC_INVALID_ARGUMENT, message);
		goto free_envelope;
	}
	if (peer->n_calls < CALLS_MAX)
		call = call_new(peer, stream_id, method, envelope);
	if (!call) {
		peer_send_status(peer, stream_id, TTRPC_RESOURCE_EXHAUSTED,
				 peer->n_calls < CALLS_MAX ? NO_MEMORY
							   : "too many calls are under way");
		protobuf_c_message_free_unpacked(request, NULL);
		goto free_envelope;
	}
	call->finished = streaming && !(frame->flags & TTRPC_FLAG_REMOTE_OPEN);
	method->handle(ctx, call, request);
	protobuf_c_message_free_unpacked(request, NULL);
	return;

free_envelope:
	kata_like__ttrpc__request__free_unpacked(envelope, NULL);
}

static struct ttrpc_call *peer_find_stream(const struct peer *peer, uint32_t stream_id)
{
	for (struct ttrpc_call *call = peer->calls; call; call = call->next)
		if (call->stream_id == stream_id)
			return call->stream ? call : NULL;
	return NULL;
}

/* What comes on a stream that is over was under way when it ended. */
static void peer_data(struct peer *peer, const struct ttrpc_frame *frame, const uint8_t *data)
{
	struct ttrpc_call *call = peer_find_stream(peer, frame->stream_id);
	ProtobufCMessage *message;
	int r;

	if (!call)
		return;
	if (call->finished) {
		end_stream(call, TTRPC_INVALID_ARGUMENT, "data after the end of a stream");
		return;
	}
	/* The data of a closing frame is no message (ttrpc, PROTOCOL.md). */
	if (frame->flags & TTRPC_FLAG_REMOTE_CLOSED) {
		call->finished = true;
		if (call->stream->finished)
			call->stream->finished(call->stream_ctx);
		return;
	}
	if (frame->flags & TTRPC_FLAG_NO_DATA)
		return;
	r = ttrpc_unpack(call->method->request, data, frame->len_bytes, &message);
	if (r < 0) {
		end_stream(call, r == -ENOMEM ? TTRPC_RESOURCE_EXHAUSTED : TTRPC_INVALID_ARGUMENT,
			   r == -ENOMEM ? NO_MEMORY : "a message is malformed");
		return;
	}
	call->stream->message(call->stream_ctx, message);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void peer_frame(void *ctx, const struct ttrpc_frame *frame, const uint8_t *data)
{
	struct peer *peer = ctx;
	ProtobufCMessage *envelope;
	int r;

	if (frame->type == TTRPC_FRAME_DATA)
		peer_data(peer, frame, data);
	if (frame->type != TTRPC_FRAME_REQUEST)
		return;
	if (frame->stream_id % 2 == 0 || frame->stream_id <= peer->last_stream_id) {
		peer_send_status(peer, frame->stream_id, TTRPC_INVALID_ARGUMENT,
				 "stream ids must be odd and rising");
		return;
	}
	peer->last_stream_id = frame->stream_id;
	r = ttrpc_unpack(&kata_like__ttrpc__request__descriptor, data, frame->len_bytes, &envelope);
	if (r == 0)
		peer_call(peer, frame, (KataLike__Ttrpc__Request *)envelope);
	else if (r == -ENOMEM)
		peer_send_status(peer, frame->stream_id, TTRPC_RESOURCE_EXHAUSTED, NO_MEMORY);
	else
		peer_send_status(peer, frame->stream_id, TTRPC_INVALID_ARGUMENT,
				 "the request's envelope is malformed");
}

static void peer_oversized(void *ctx, const struct ttrpc_frame *frame)
{
	struct peer *peer = ctx;

	struct ttrpc_call *call = peer_find_stream(peer, frame->stream_id);

	if (frame->type == TTRPC_FRAME_REQUEST)
		peer_send_status(peer, frame->stream_id, TTRPC_RESOURCE_EXHAUSTED,
				 "the request is larger than 4 MiB");
	else if (frame->type == TTRPC_FRAME_DATA && call)
		end_stream(call, TTRPC_RESOURCE_EXHAUSTED, "a message is larger than 4 MiB");
}

/* Each stream's own answer to it may end that stream, and no other. */
static void peer_drained(void *ctx)
{
	struct peer *peer = ctx;

	for (struct ttrpc_call *call = peer->calls, *next; call; call = next) {
		next = call->next;
		if (call->stream && call->stream->drained)
			call->stream->drained(call->stream_ctx);
	}
}

static void peer_closed(void *ctx)
{
	struct peer *peer = ctx;
	ttrpc_closed_fn *closed = peer->closed;
	void *closed_ctx = peer->closed_ctx;

	peer_free(peer);
	if (closed)
		closed(closed_ctx);
}

static const struct ttrpc_connection_ops peer_ops = {
	.frame = peer_frame,
	.oversized = peer_oversized,
	.drained = peer_drained,
	.closed = peer_closed,
};

int ttrpc_server_add_connection(struct ttrpc_server *server, int fd, ttrpc_closed_fn *closed,
				void *ctx)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int r;

	if (!peer) {
		close(fd);
		return -ENOMEM;
	}
	r = ttrpc_connection_new(server->loop, fd, &peer_ops, peer, &peer->connection);
	if (r < 0) {
		free(peer);
		return r;
	}
	peer->server = server;
	peer->closed = closed;
	peer->closed_ctx = ctx;
	peer->next = server->peers;
	if (peer->next)
		peer->next->prev = peer;
	server->peers = peer;
	return 0;
}

static bool peer_allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	return cred.uid == 0 || cred.uid == geteuid();
}

static void listener_ready(void *ctx, int listen_fd, uint32_t events)
{
	struct listener *listener = ctx;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	if (listener->check_peer && !peer_allowed(fd)) {
		log_warn("refused a ttrpc connection from another user");
		close(fd);
		return;
	}
	if (ttrpc_server_add_connection(listener->server, fd, NULL, NULL) < 0)
		log_error("cannot serve a ttrpc connection");
}

int ttrpc_server_listen(struct ttrpc_server *server, int listen_fd, bool check_peer)
{
	_cleanup_fd_ int fd = listen_fd;
	_cleanup_free_ struct listener *listener = calloc(1, sizeof(*listener));
	int r;

	if (!listener)
		return -ENOMEM;
	listener->server = server;
	listener->fd = fd;
	listener->check_peer = check_peer;
	r = fd_set_nonblock(fd, 1);
	if (r < 0)
		return r;
	r = loop_add_fd(server->loop, fd, EPOLLIN, listener_ready, listener, &listener->source);
	if (r < 0)
		return r;
	listener->next = server->listeners;
	server->listeners = TAKE_PTR(listener);
	(void)TAKE_FD(fd);
	return 0;
}
