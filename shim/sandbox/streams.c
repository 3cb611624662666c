/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams over the shim's own socket.
 *
 * Outputs do not count the windows that their readers grant. containerd (2.3) counts of a message
 * only what its caller had room for, so that a sender which keeps to the sum comes to stand; and a
 * reader that is slow is noticed anyhow, by its socket. Inputs do grant windows, as containerd's
 * writer waits for them, and more than was granted is an error.
 */
#include "shim/sandbox/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common.pb-c.h"
#include "lib/bytes.h"
#include "lib/log.h"
#include "streaming.pb-c.h"

#define SERVICE	    "containerd.services.streaming.v1.Streaming"
#define TYPE_INIT   "containerd.services.streaming.v1.StreamInit"
#define TYPE_DATA   "containerd.types.transfer.Data"
#define TYPE_WINDOW "containerd.types.transfer.WindowUpdate"
#define TYPE_EMPTY  "google.protobuf.Empty"
#define URI_SCHEME  "ttrpc+"
#define URI_KEY	    "?streaming_id="

#define CHUNK_BYTES  32768u
#define WINDOW_BYTES 65536u
/* How many chunks one wake-up may pass on before other sources get their turn. */
#define ROUNDS 8

struct streams {
	struct loop *loop;
	struct stream *list;
};

/* One call; it has no stream before it has said which. */
struct client {
	struct streams *streams;
	struct ttrpc_call *call;
	struct stream *stream;
	bool finished; /* sends no more */
};

struct stream {
	struct streams *streams;
	char *id;
	bool claimed; /* a process has the other end of the pipe, or had it and did not release it
		       */
	bool known;   /* whether it is an input */
	bool input;
	bool input_over;
	int fd; /* our end; -1 before it is claimed and after its end */
	struct loop_source *source;
	struct bytes pending; /* of an input: what the pipe did not take */
	size_t granted;	      /* how much its client may still send */
	struct client *client;
	struct stream *next;
};

int streams_new(struct loop *loop, struct streams **ret_streams, struct err *err)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return err_set(err, ENOMEM, "cannot set up streams");
	streams->loop = loop;
	*ret_streams = streams;
	return 0;
}

static void unwatch(struct stream *stream)
{
	loop_source_free(stream->source);
	stream->source = NULL;
}

static void close_pipe(struct stream *stream)
{
	unwatch(stream);
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

static void stream_free(struct stream *stream)
{
	for (struct stream **at = &stream->streams->list; *at; at = &(*at)->next) {
		if (*at != stream)
			continue;
		*at = stream->next;
		break;
	}
	if (stream->client)
		stream->client->stream = NULL;
	close_pipe(stream);
	bytes_fini(&stream->pending);
	free(stream->id);
	free(stream);
}

void streams_free(struct streams *streams)
{
	if (!streams)
		return;
	while (streams->list)
		stream_free(streams->list);
	free(streams);
}

static struct stream *find(const struct streams *streams, const char *id)
{
	for (struct stream *stream = streams->list; stream; stream = stream->next)
		if (strcmp(stream->id, id) == 0)
			return stream;
	return NULL;
}

static struct stream *find_or_add(struct streams *streams, const char *id)
{
	struct stream *stream = find(streams, id);

	if (stream)
		return stream;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return NULL;
	*stream = (struct stream){ .streams = streams, .id = strdup(id), .fd = -1 };
	if (!stream->id) {
		free(stream);
		return NULL;
	}
	stream->next = streams->list;
	streams->list = stream;
	return stream;
}

/* Nobody is left to give or to take anything. */
static void forget_unused(struct stream *stream)
{
	if (!stream->claimed && !stream->client)
		stream_free(stream);
}

/* The call is answered: its client knows no stream any more. */
static void drop_client(struct client *client)
{
	struct stream *stream = client->stream;

	free(client);
	if (!stream)
		return;
	stream->client = NULL;
	/* What a process still gives stays in the pipe, for the next one. */
	if (!stream->input)
		unwatch(stream);
	forget_unused(stream);
}

static void end_client(struct client *client)
{
	ttrpc_call_reply_empty(client->call);
	drop_client(client);
}

static void fail_client(struct client *client, enum ttrpc_code code, const char *message)
{
	ttrpc_call_fail(client->call, code, "%s", message);
	drop_client(client);
}

/* Packs one of the messages above and sends it. */
static int send_message(struct client *client, const char *type, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(len + 1);
	KataLike__Any any = KATA_LIKE__ANY__INIT;

	if (!packed)
		return -ENOMEM;
	any.type_url = (char *)type;
	any.value.len = protobuf_c_message_pack(message, packed);
	any.value.data = packed;
	return ttrpc_call_send(client->call, &any.base);
}

/* --- Outputs --- */

static void pump_output(struct stream *stream);

static void output_ready(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	pump_output(ctx);
}

/* A pipe whose writer is gone wakes who watches it for nothing too: so it is watched or not. */
static void watch_output(struct stream *stream)
{
	if (stream->source || stream->fd < 0)
		return;
	if (loop_add_fd(stream->streams->loop, stream->fd, EPOLLIN, output_ready, stream,
			&stream->source) < 0)
		fail_client(stream->client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static int send_chunk(struct client *client, uint8_t *chunk, size_t len)
{
	KataLike__Streaming__Data data = KATA_LIKE__STREAMING__DATA__INIT;

	data.data = (ProtobufCBinaryData){ len, chunk };
	return send_message(client, TYPE_DATA, &data.base);
}

static void pump_output(struct stream *stream)
{
	uint8_t chunk[CHUNK_BYTES];

	for (int round = 0; round < ROUNDS; round++) {
		ssize_t n;

		if (ttrpc_call_is_held_up(stream->client->call)) {
			unwatch(stream);
			return;
		}
		n = read(stream->fd, chunk, sizeof(chunk));
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			close_pipe(stream);
			end_client(stream->client);
			return;
		}
		if (send_chunk(stream->client, chunk, (size_t)n) < 0) {
			fail_client(stream->client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
			return;
		}
	}
	watch_output(stream);
}

/* --- Inputs --- */

static void flush_input(struct stream *stream);

static void input_ready(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	flush_input(ctx);
}

/* The process reads no more. */
static void input_broken(struct stream *stream)
{
	close_pipe(stream);
	bytes_fini(&stream->pending);
	if (stream->client)
		end_client(stream->client);
}

/* Half of a window at a time, for a message in the other direction costs as well. */
static int grant(struct stream *stream)
{
	KataLike__Streaming__WindowUpdate update = KATA_LIKE__STREAMING__WINDOW_UPDATE__INIT;
	size_t more = WINDOW_BYTES - MIN(stream->pending.len + stream->granted, WINDOW_BYTES);

	if (!stream->client || stream->client->finished || more < WINDOW_BYTES / 2)
		return 0;
	update.update = (int32_t)more;
	stream->granted += more;
	return send_message(stream->client, TYPE_WINDOW, &update.base);
}

static void flush_input(struct stream *stream)
{
	while (stream->pending.len > 0) {
		ssize_t n = write(stream->fd, bytes_front(&stream->pending), stream->pending.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			input_broken(stream);
			return;
		}
		bytes_consume(&stream->pending, (size_t)n);
	}
	if (stream->pending.len == 0)
		unwatch(stream);
	else if (!stream->source && loop_add_fd(stream->streams->loop, stream->fd, EPOLLOUT,
						input_ready, stream, &stream->source) < 0)
		log_error("out of memory: an input stands still");
	if (stream->input_over && stream->pending.len == 0)
		input_broken(stream);
	else if (grant(stream) < 0)
		fail_client(stream->client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
}

static void take_input(struct client *client, const KataLike__Streaming__Data *data)
{
	struct stream *stream = client->stream;

	if (!stream->input || data->data.len > stream->granted) {
		fail_client(client, TTRPC_INVALID_ARGUMENT, "more data than was asked for");
		return;
	}
	stream->granted -= data->data.len;
	if (bytes_append(&stream->pending, data->data.data, data->data.len) < 0)
		fail_client(client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	else if (stream->fd >= 0)
		flush_input(stream);
}

/* --- The service --- */

/* Both sides are there, or as much of them as there will be. */
static void join(struct stream *stream)
{
	if (!stream->client || !stream->known)
		return;
	if (!stream->input && stream->fd >= 0) {
		pump_output(stream);
		return;
	}
	if (stream->fd < 0) {
		end_client(stream->client);
		return;
	}
	stream->granted = 0;
	stream->input_over = stream->input_over || stream->client->finished;
	flush_input(stream);
}

static void take_init(struct client *client, const KataLike__Any *any)
{
	KataLike__Streaming__StreamInit *init = NULL;
	KataLike__Empty empty = KATA_LIKE__EMPTY__INIT;
	struct stream *stream;

	if (strcmp(any->type_url, TYPE_INIT) == 0)
		init = kata_like__streaming__stream_init__unpack(NULL, any->value.len,
								 any->value.data);
	if (!init || !*init->id) {
		fail_client(client, TTRPC_INVALID_ARGUMENT, "a stream begins with its id");
		goto out;
	}
	stream = find_or_add(client->streams, init->id);
	if (!stream) {
		fail_client(client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
	} else if (stream->client) {
		fail_client(client, TTRPC_ALREADY_EXISTS, "somebody else has that stream");
	} else {
		stream->client = client;
		client->stream = stream;
		if (send_message(client, TYPE_EMPTY, &empty.base) < 0)
			fail_client(client, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		else
			join(stream);
	}
out:
	if (init)
		kata_like__streaming__stream_init__free_unpacked(init, NULL);
}

static void client_message(void *ctx, const ProtobufCMessage *message)
{
	struct client *client = ctx;
	const KataLike__Any *any = (const void *)message;
	KataLike__Streaming__Data *data;

	if (!client->stream) {
		take_init(client, any);
		return;
	}
	/* Windows; and what later versions may have to say. */
	if (strcmp(any->type_url, TYPE_DATA) != 0)
		return;
	data = kata_like__streaming__data__unpack(NULL, any->value.len, any->value.data);
	if (!data) {
		fail_client(client, TTRPC_INVALID_ARGUMENT, "malformed data");
		return;
	}
	take_input(client, data);
	kata_like__streaming__data__free_unpacked(data, NULL);
}

static void client_finished(void *ctx)
{
	struct client *client = ctx;
	struct stream *stream = client->stream;

	client->finished = true;
	if (!stream || !stream->input || stream->fd < 0)
		return;
	stream->input_over = true;
	flush_input(stream);
}

static void client_drained(void *ctx)
{
	const struct client *client = ctx;

	if (client->stream && !client->stream->input && client->stream->fd >= 0)
		pump_output(client->stream);
}

static void client_ended(void *ctx, const struct ttrpc_status *status)
{
	struct client *client = ctx;

	log_debug("the client of stream %s is gone: %s",
		  client->stream ? client->stream->id : "(none)", status->message);
	drop_client(client);
}

static const struct ttrpc_stream_ops client_ops = { client_message, client_finished, client_drained,
						    client_ended };

static void open_stream(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct client *client = calloc(1, sizeof(*client));

	(void)request;
	if (!client) {
		ttrpc_call_fail(call, TTRPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*client = (struct client){ .streams = ctx, .call = call };
	ttrpc_call_stream(call, &client_ops, client);
}

static const struct ttrpc_method methods[] = {
	{ "Stream", open_stream, &kata_like__any__descriptor, &kata_like__any__descriptor, true },
};
static const struct ttrpc_service service = { SERVICE, methods, ARRAY_SIZE(methods) };

int streams_register(struct streams *streams, struct ttrpc_server *server)
{
	return ttrpc_server_add_service(server, &service, streams);
}

/* --- The process's side --- */

const char *streams_id(const char *uri)
{
	const char *key =
		strncmp(uri, URI_SCHEME, strlen(URI_SCHEME)) == 0 ? strstr(uri, URI_KEY) : NULL;

	return key && key[strlen(URI_KEY)] ? key + strlen(URI_KEY) : NULL;
}

int streams_claim(struct streams *streams, const char *id, bool input, int *ret_fd, struct err *err)
{
	struct stream *stream = find_or_add(streams, id);
	int fds[2];

	if (!stream)
		return err_set(err, ENOMEM, "cannot open stream %.100s", id);
	if (stream->known)
		return err_say(err, EEXIST, "stream %.100s is another process's", id);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
		forget_unused(stream);
		return err_set(err, errno, "cannot open stream %.100s", id);
	}
	stream->claimed = true;
	stream->known = true;
	stream->input = input;
	stream->fd = fds[input ? 1 : 0];
	*ret_fd = fds[input ? 0 : 1];
	join(stream);
	return 0;
}

void streams_close_input(struct streams *streams, const char *id)
{
	struct stream *stream = find(streams, id);

	if (!stream || !stream->input || stream->fd < 0)
		return;
	/* A client that is there ends it itself, behind what it has sent. */
	if (stream->client && !stream->client->finished)
		return;
	stream->input_over = true;
	flush_input(stream);
}

bool streams_is_unread(const struct streams *streams, const char *id)
{
	const struct stream *stream = find(streams, id);
	int in_pipe = 0;

	if (!stream || !stream->client || stream->fd < 0)
		return false;
	if (ioctl(stream->fd, FIONREAD, &in_pipe) == 0 && in_pipe > 0)
		return true;
	return ttrpc_call_is_unread(stream->client->call);
}

void streams_release(struct streams *streams, const char *id)
{
	struct stream *stream = find(streams, id);

	if (!stream || !stream->claimed)
		return;
	stream->claimed = false;
	if (stream->input)
		close_pipe(stream);
	if (stream->input && stream->client)
		end_client(stream->client);
	else
		forget_unused(stream);
}
