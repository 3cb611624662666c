/* SPDX-License-Identifier: Apache-2.0 */
/* The ttrpc client: one connection and the calls that wait for their answers. */
#include "proto/ttrpc/client.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/fd.h"
#include "proto/ttrpc/connection.h"
#include "ttrpc.pb-c.h"

#define METADATA_MAX 8

/* A call under way, or a stream that is open. */
struct pending {
	uint32_t stream_id;
	const ProtobufCMessageDescriptor *response;
	int64_t deadline_ms; /* of the monotonic clock; -1 for none */
	ttrpc_done_fn *done; /* of a unary call; of a stream: */
	const struct ttrpc_stream_ops *stream;
	void *ctx;
	struct pending *next;
};

struct ttrpc_client {
	struct loop *loop;
	struct ttrpc_connection *connection; /* NULL once it is lost */
	struct loop_source *timer;
	struct pending *calls;
	uint32_t next_stream_id;
	ttrpc_lost_fn *lost;
	void *ctx;
	KataLike__Ttrpc__KeyValue metadata[METADATA_MAX];
	size_t n_metadata;
	bool busy;  /* one of our own callbacks is on the stack and goes on with the client */
	bool freed; /* meanwhile: free it then */
};

/* Takes the call with this id out of the list, or returns NULL. */
static struct pending *client_take(struct ttrpc_client *client, uint32_t stream_id)
{
	for (struct pending **at = &client->calls; *at; at = &(*at)->next) {
		struct pending *call = *at;

		if (call->stream_id != stream_id)
			continue;
		*at = call->next;
		return call;
	}
	return NULL;
}

static void pending_fail(struct pending *call, enum ttrpc_code code, const char *message)
{
	struct ttrpc_status status = { .code = code, .message = message };

	if (call->stream)
		call->stream->ended(call->ctx, &status);
	else
		call->done(call->ctx, &status, NULL);
	free(call);
}

static void pending_finish(struct pending *call, const KataLike__Ttrpc__Response *envelope)
{
	struct ttrpc_status status = { .code = TTRPC_OK, .message = "" };
	ProtobufCMessage *response;

	if (envelope->status && envelope->status->code != 0) {
		pending_fail(call, (enum ttrpc_code)envelope->status->code,
			     envelope->status->message);
		return;
	}
	if (call->stream) {
		pending_fail(call, TTRPC_OK, "");
		return;
	}
	response = protobuf_c_message_unpack(call->response, NULL, envelope->payload.len,
					     envelope->payload.data);
	if (!response) {
		pending_fail(call, TTRPC_INTERNAL, "the peer's answer is malformed");
		return;
	}
	call->done(call->ctx, &status, response);
	protobuf_c_message_free_unpacked(response, NULL);
	free(call);
}

/* NULL once it has ended. */
static struct pending *client_find_stream(const struct ttrpc_client *client, uint32_t stream_id)
{
	if (!client->connection)
		return NULL;
	for (struct pending *call = client->calls; call; call = call->next)
		if (call->stream_id == stream_id)
			return call->stream ? call : NULL;
	return NULL;
}

/* A frame may have a message and be the last; the message may make its receiver close the stream.
 */
static void client_data(struct ttrpc_client *client, const struct ttrpc_frame *frame,
			const uint8_t *data)
{
	struct pending *call = client_find_stream(client, frame->stream_id);
	ProtobufCMessage *message;

	if (call && !(frame->flags & TTRPC_FLAG_NO_DATA)) {
		message = protobuf_c_message_unpack(call->response, NULL, frame->len_bytes, data);
		if (!message) {
			pending_fail(client_take(client, frame->stream_id), TTRPC_INTERNAL,
				     "a message of the peer's is malformed");
			return;
		}
		call->stream->message(call->ctx, message);
		protobuf_c_message_free_unpacked(message, NULL);
		call = client_find_stream(client, frame->stream_id);
	}
	if (call && (frame->flags & TTRPC_FLAG_REMOTE_CLOSED))
		pending_fail(client_take(client, frame->stream_id), TTRPC_OK, "");
}

static void client_frame(void *ctx, const struct ttrpc_frame *frame, const uint8_t *data)
{
	struct ttrpc_client *client = ctx;
	KataLike__Ttrpc__Response *envelope;
	struct pending *call;

	if (frame->type == TTRPC_FRAME_DATA)
		client_data(client, frame, data);
	if (frame->type != TTRPC_FRAME_RESPONSE)
		return;
	call = client_take(client, frame->stream_id);
	if (!call)
		return; /* too late, or never asked */
	envelope = kata_like__ttrpc__response__unpack(NULL, frame->len_bytes, data);
	if (!envelope) {
		pending_fail(call, TTRPC_INTERNAL, "the peer's answer is malformed");
		return;
	}
	pending_finish(call, envelope);
	kata_like__ttrpc__response__free_unpacked(envelope, NULL);
}

static void client_oversized(void *ctx, const struct ttrpc_frame *frame)
{
	struct pending *call = client_take(ctx, frame->stream_id);

	if (call)
		pending_fail(call, TTRPC_RESOURCE_EXHAUSTED, "the answer is larger than 4 MiB");
}

static void client_destroy(struct ttrpc_client *client)
{
	for (size_t i = 0; i < client->n_metadata; i++) {
		free(client->metadata[i].key);
		free(client->metadata[i].value);
	}
	free(client);
}

/* Ends what `busy` began. True if the client is gone now. */
static bool client_leave(struct ttrpc_client *client)
{
	client->busy = false;
	if (!client->freed)
		return false;
	client_destroy(client);
	return true;
}

static void client_closed(void *ctx)
{
	struct ttrpc_client *client = ctx;

	ttrpc_connection_free(client->connection);
	client->connection = NULL;
	client->busy = true;
	while (client->calls)
		pending_fail(client_take(client, client->calls->stream_id), TTRPC_UNAVAILABLE,
			     "the connection was lost");
	if (!client_leave(client) && client->lost)
		client->lost(client->ctx);
}

/* Each stream's own answer to it ends no other. */
static void client_drained(void *ctx)
{
	struct ttrpc_client *client = ctx;

	for (struct pending *call = client->calls, *next; call; call = next) {
		next = call->next;
		if (call->stream && call->stream->drained)
			call->stream->drained(call->ctx);
	}
}

static const struct ttrpc_connection_ops client_ops = {
	.frame = client_frame,
	.oversized = client_oversized,
	.drained = client_drained,
	.closed = client_closed,
};

static void client_arm(struct ttrpc_client *client)
{
	int64_t next = -1;

	for (struct pending *call = client->calls; call; call = call->next)
		if (call->deadline_ms >= 0 && (next < 0 || call->deadline_ms < next))
			next = call->deadline_ms;
	loop_timer_arm(client->timer, next < 0 ? -1 : MAX((int64_t)0, next - clock_monotonic_ms()));
}

static struct pending *client_expired(struct ttrpc_client *client, int64_t now_ms)
{
	for (struct pending *call = client->calls; call; call = call->next)
		if (call->deadline_ms >= 0 && call->deadline_ms <= now_ms)
			return client_take(client, call->stream_id);
	return NULL;
}

static void client_timeout(void *ctx)
{
	struct ttrpc_client *client = ctx;
	int64_t now_ms = clock_monotonic_ms();
	struct pending *call;

	client->busy = true;
	while ((call = client_expired(client, now_ms)))
		pending_fail(call, TTRPC_DEADLINE_EXCEEDED, "the peer did not answer in time");
	if (!client_leave(client))
		client_arm(client);
}

int ttrpc_client_new(struct loop *loop, int fd, ttrpc_lost_fn *lost, void *ctx,
		     struct ttrpc_client **ret_client, struct err *err)
{
	struct ttrpc_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client) {
		close(fd);
		return err_set(err, ENOMEM, "cannot make a ttrpc client");
	}
	client->loop = loop;
	client->next_stream_id = 1;
	client->lost = lost;
	client->ctx = ctx;
	r = ttrpc_connection_new(loop, fd, &client_ops, client, &client->connection);
	if (r >= 0)
		r = loop_add_timer(loop, client_timeout, client, &client->timer);
	if (r < 0) {
		ttrpc_client_free(client);
		return err_set(err, -r, "cannot make a ttrpc client");
	}
	*ret_client = client;
	return 0;
}

void ttrpc_client_free(struct ttrpc_client *client)
{
	if (!client || client->freed)
		return;
	client->freed = true;
	ttrpc_connection_free(TAKE_PTR(client->connection));
	loop_source_free(client->timer);
	while (client->calls)
		pending_fail(client_take(client, client->calls->stream_id), TTRPC_CANCELLED,
			     "the client was closed");
	if (!client->busy)
		client_destroy(client);
}

bool ttrpc_client_is_connected(const struct ttrpc_client *client)
{
	return client->connection != NULL;
}

int ttrpc_client_connect(struct loop *loop, const char *address, ttrpc_lost_fn *lost, void *ctx,
			 struct ttrpc_client **ret_client, struct err *err)
{
	const char *scheme = "unix://";
	const char *path =
		strncmp(address, scheme, strlen(scheme)) == 0 ? address + strlen(scheme) : address;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = -1;

	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(err, ENAMETOOLONG, "cannot connect to %s", path);
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, "cannot make a socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_set(err, errno, "cannot connect to %s", path);
	return ttrpc_client_new(loop, TAKE_FD(fd), lost, ctx, ret_client, err);
}

int ttrpc_client_set_metadata(struct ttrpc_client *client, const char *key, const char *value)
{
	KataLike__Ttrpc__KeyValue *pair = &client->metadata[client->n_metadata];

	if (client->n_metadata == METADATA_MAX)
		return -ENOSPC;
	kata_like__ttrpc__key_value__init(pair);
	pair->key = strdup(key);
	pair->value = strdup(value);
	if (!pair->key || !pair->value) {
		free(pair->key);
		free(pair->value);
		return -ENOMEM;
	}
	client->n_metadata++;
	return 0;
}

/* Packs the request, if there is one, into its envelope, and that into a frame. */
static int client_send(struct ttrpc_client *client, struct ttrpc_frame *frame,
		       const struct ttrpc_target *target, const ProtobufCMessage *request,
		       int64_t timeout_ms)
{
	KataLike__Ttrpc__Request envelope = KATA_LIKE__TTRPC__REQUEST__INIT;
	KataLike__Ttrpc__KeyValue *metadata[METADATA_MAX];
	size_t len = request ? protobuf_c_message_get_packed_size(request) : 0;
	_cleanup_free_ uint8_t *payload = malloc(len ? len : 1);
	_cleanup_free_ uint8_t *packed = NULL;

	if (!payload)
		return -ENOMEM;
	for (size_t i = 0; i < client->n_metadata; i++)
		metadata[i] = &client->metadata[i];
	envelope.service = (char *)target->service;
	envelope.method = (char *)target->method;
	envelope.timeout_nano = timeout_ms * 1000000;
	if (request)
		envelope.payload.len = protobuf_c_message_pack(request, payload);
	envelope.payload.data = payload;
	envelope.metadata = metadata;
	envelope.n_metadata = client->n_metadata;
	len = kata_like__ttrpc__request__get_packed_size(&envelope);
	if (len > TTRPC_FRAME_DATA_MAX)
		return -EMSGSIZE;
	packed = malloc(len);
	if (!packed)
		return -ENOMEM;
	frame->type = TTRPC_FRAME_REQUEST;
	frame->stream_id = client->next_stream_id;
	frame->len_bytes = (uint32_t)kata_like__ttrpc__request__pack(&envelope, packed);
	return ttrpc_connection_send(client->connection, frame, packed);
}

/* Remembers what was sent with the next stream's number. */
static void client_put(struct ttrpc_client *client, struct pending *call)
{
	call->stream_id = client->next_stream_id;
	client->next_stream_id += 2;
	call->next = client->calls;
	client->calls = call;
}

int ttrpc_client_call(struct ttrpc_client *client, const struct ttrpc_target *target,
		      const ProtobufCMessage *request, int64_t timeout_ms, ttrpc_done_fn *done,
		      void *ctx)
{
	_cleanup_free_ struct pending *call = calloc(1, sizeof(*call));
	struct ttrpc_frame frame = { .flags = 0 };
	int r;

	if (!call)
		return -ENOMEM;
	if (!client->connection)
		return -ECONNRESET;
	call->response = target->response;
	call->deadline_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : -1;
	call->done = done;
	call->ctx = ctx;
	r = client_send(client, &frame, target, request, timeout_ms);
	if (r < 0)
		return r;
	client_put(client, TAKE_PTR(call));
	if (timeout_ms > 0)
		client_arm(client);
	return 0;
}

int ttrpc_client_open(struct ttrpc_client *client, const struct ttrpc_target *target,
		      const struct ttrpc_stream_ops *ops, void *ctx, uint32_t *ret_stream_id)
{
	_cleanup_free_ struct pending *call = calloc(1, sizeof(*call));
	struct ttrpc_frame frame = { .flags = TTRPC_FLAG_REMOTE_OPEN };
	int r;

	if (!call)
		return -ENOMEM;
	if (!client->connection)
		return -ECONNRESET;
	call->response = target->response;
	call->deadline_ms = -1;
	call->stream = ops;
	call->ctx = ctx;
	r = client_send(client, &frame, target, NULL, 0);
	if (r < 0)
		return r;
	client_put(client, TAKE_PTR(call));
	*ret_stream_id = frame.stream_id;
	return 0;
}

int ttrpc_client_stream_send(struct ttrpc_client *client, uint32_t stream_id,
			     const ProtobufCMessage *message)
{
	if (!client_find_stream(client, stream_id))
		return -ENOENT;
	return ttrpc_connection_send_message(client->connection, stream_id, message);
}

int ttrpc_client_stream_finish(struct ttrpc_client *client, uint32_t stream_id)
{
	if (!client_find_stream(client, stream_id))
		return -ENOENT;
	return ttrpc_connection_send_end(client->connection, stream_id);
}

/* What ttrpc_client_call_wait() waits for. */
struct waiting {
	bool done;
	int result;
	ProtobufCMessage *response;
	struct err *err;
};

/* Keeps the response beyond the callback by packing it and unpacking a copy. */
static ProtobufCMessage *message_copy(const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(len ? len : 1);

	if (!packed)
		return NULL;
	protobuf_c_message_pack(message, packed);
	return protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
}

static void waiting_done(void *ctx, const struct ttrpc_status *status,
			 const ProtobufCMessage *response)
{
	struct waiting *waiting = ctx;

	waiting->done = true;
	if (status->code != TTRPC_OK) {
		waiting->result = ttrpc_status_to_err(status, waiting->err);
		return;
	}
	waiting->response = message_copy(response);
	if (!waiting->response)
		waiting->result = err_set(waiting->err, ENOMEM, "cannot keep an answer");
}

int ttrpc_client_call_wait(struct ttrpc_client *client, const struct ttrpc_target *target,
			   const ProtobufCMessage *request, int64_t timeout_ms,
			   ProtobufCMessage **ret_response, struct err *err)
{
	struct waiting waiting = { .err = err };
	int r = ttrpc_client_call(client, target, request, timeout_ms, waiting_done, &waiting);

	if (r < 0)
		return err_set(err, -r, "cannot call %s", target->method);
	while (!waiting.done) {
		r = loop_step(client->loop, -1);
		if (r < 0)
			return err_set(err, -r, "cannot wait for the answer to %s", target->method);
	}
	if (ret_response)
		*ret_response = waiting.response;
	else if (waiting.response)
		protobuf_c_message_free_unpacked(waiting.response, NULL);
	return waiting.result;
}
