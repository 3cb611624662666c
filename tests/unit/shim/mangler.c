/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile peer of the shim's. */
#include "tests/unit/shim/mangler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.pb-c.h"
#include "lib/bytes.h"
#include "lib/fd.h"
#include "proto/ttrpc/frame.h"
#include "proto/vsock-link.h"
#include "ttrpc.pb-c.h"

#define STREAMS_MAX 256
#define FLOOD	    20000
/* For as long as the shim does not read. */
#define PATIENCE_MS 300

/* One direction: what has arrived and is no whole frame yet. */
struct half {
	uint8_t *bytes;
	size_t len, room;
};

struct mangler {
	int shim_fd, server_fd;
	struct half from_shim, from_server;
	char kind[32], method[48];
	uint32_t streams[STREAMS_MAX]; /* of calls of the method */
	size_t n_streams;
	bool closed;
};

/* A frame of the server's on its way to the shim. */
struct answer {
	struct mangler *mangler;
	const struct ttrpc_frame *frame;
	const uint8_t *data;
};

static void send_bytes(struct mangler *mangler, int fd, const void *bytes, size_t len)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			bytes = (const uint8_t *)bytes + n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || poll(&wait, 1, PATIENCE_MS) <= 0) {
			mangler->closed = true;
			return;
		}
	}
}

/* len_bytes is what the header says; len are sent. */
static void send_frame(struct mangler *mangler, const struct ttrpc_frame *frame,
		       const uint8_t *data, size_t len)
{
	uint8_t header[TTRPC_FRAME_HEADER_BYTES];

	ttrpc_frame_encode(frame, header);
	send_bytes(mangler, mangler->shim_fd, header, sizeof(header));
	send_bytes(mangler, mangler->shim_fd, data, len);
}

static void pass(const struct answer *answer)
{
	send_frame(answer->mangler, answer->frame, answer->data, answer->frame->len_bytes);
}

/* --- The kinds --- */

static void never(const struct answer *answer)
{
	(void)answer;
}

static void twice(const struct answer *answer)
{
	pass(answer);
	pass(answer);
}

static void garbage(const struct answer *answer)
{
	struct ttrpc_frame frame = *answer->frame;
	uint8_t bytes[64];

	frame.len_bytes = sizeof(bytes);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(0xff - i * 37);
	send_frame(answer->mangler, &frame, bytes, sizeof(bytes));
}

static void empty(const struct answer *answer)
{
	struct ttrpc_frame frame = *answer->frame;

	frame.len_bytes = 0;
	send_frame(answer->mangler, &frame, NULL, 0);
}

static void short_one(const struct answer *answer)
{
	struct ttrpc_frame frame = *answer->frame;

	frame.len_bytes = 5000;
	send_frame(answer->mangler, &frame, answer->data, MIN(answer->frame->len_bytes, 4u));
}

static void send_zeros(const struct answer *answer, uint32_t said, size_t len)
{
	struct ttrpc_frame frame = *answer->frame;
	uint8_t *zeros = calloc(1, len);

	frame.len_bytes = said;
	send_frame(answer->mangler, &frame, zeros, len);
	free(zeros);
}

static void announced(const struct answer *answer)
{
	send_zeros(answer, UINT32_MAX, 16u << 20);
}

static void oversized(const struct answer *answer)
{
	send_zeros(answer, TTRPC_FRAME_DATA_MAX + 1, TTRPC_FRAME_DATA_MAX + 1);
	pass(answer);
}

static void send_response(const struct answer *answer, KataLike__Ttrpc__Response *response)
{
	struct ttrpc_frame frame = *answer->frame;
	size_t len = kata_like__ttrpc__response__get_packed_size(response);
	uint8_t *packed = malloc(len ? len : 1);

	frame.len_bytes = (uint32_t)kata_like__ttrpc__response__pack(response, packed);
	send_frame(answer->mangler, &frame, packed, len);
	free(packed);
}

/* A field that nobody knows, of nearly all that a frame may hold. */
static void big(const struct answer *answer)
{
	KataLike__Ttrpc__Response response = KATA_LIKE__TTRPC__RESPONSE__INIT;
	size_t len = TTRPC_FRAME_DATA_MAX - 64, head = 5;
	uint8_t *payload = malloc(len);
	size_t value = len - head;

	memset(payload, 'x', len);
	payload[0] = 15 << 3 | 2;
	for (size_t i = 1; i < head; i++, value >>= 7)
		payload[i] = (uint8_t)((value & 0x7f) | (i + 1 < head ? 0x80 : 0));
	response.payload = (ProtobufCBinaryData){ len, payload };
	send_response(answer, &response);
	free(payload);
}

static void send_status(const struct answer *answer, int code, char *message)
{
	KataLike__Ttrpc__Response response = KATA_LIKE__TTRPC__RESPONSE__INIT;
	KataLike__Ttrpc__Status status = KATA_LIKE__TTRPC__STATUS__INIT;

	status.code = code;
	status.message = message;
	response.status = &status;
	send_response(answer, &response);
}

/* A megabyte that would command a terminal. */
static void error_text(const struct answer *answer)
{
	static const char part[] = "\x1b[2J\x07\r\nforged line ";
	size_t len = 1u << 20;
	char *message = malloc(len + sizeof(part));

	for (size_t at = 0; at < len; at += sizeof(part) - 1)
		memcpy(message + at, part, sizeof(part));
	send_status(answer, 5, message);
	free(message);
}

static void unavailable(const struct answer *answer)
{
	send_status(answer, 14, (char *)"not now");
}

static void cancelled(const struct answer *answer)
{
	send_status(answer, 1, (char *)"no");
}

static void no_code(const struct answer *answer)
{
	send_status(answer, -2147483647, (char *)"");
}

static void strange_ids(const struct answer *answer)
{
	const uint32_t ids[] = { 0, 2, answer->frame->stream_id + 1, answer->frame->stream_id + 2,
				 UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct ttrpc_frame frame = *answer->frame;

		frame.stream_id = ids[i];
		send_frame(answer->mangler, &frame, answer->data, frame.len_bytes);
	}
	pass(answer);
}

static void types(const struct answer *answer)
{
	const uint8_t all[] = { 0, TTRPC_FRAME_REQUEST, TTRPC_FRAME_DATA, 4, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct ttrpc_frame frame = *answer->frame;

		frame.type = all[i];
		frame.flags = 0xff;
		send_frame(answer->mangler, &frame, answer->data, frame.len_bytes);
	}
	pass(answer);
}

static void closes(const struct answer *answer)
{
	(void)shutdown(answer->mangler->shim_fd, SHUT_RDWR);
}

static void half_closes(const struct answer *answer)
{
	(void)shutdown(answer->mangler->shim_fd, SHUT_WR);
}

static void flood(const struct answer *answer)
{
	struct ttrpc_frame frame = *answer->frame;

	for (uint32_t i = 0; i < FLOOD && !answer->mangler->closed; i++) {
		frame.stream_id = 1000001 + 2 * i;
		send_frame(answer->mangler, &frame, answer->data, frame.len_bytes);
	}
	pass(answer);
}

/* Text for every field of each answer that has one, and numbers without end. */
static void giant_values(const struct answer *answer)
{
	KataLike__Ttrpc__Response response = KATA_LIKE__TTRPC__RESPONSE__INIT;
	size_t len = 1u << 20, n = 0;
	uint8_t *payload = malloc(len);

	while (n + 12 < len) {
		payload[n] = (uint8_t)(((n % 14) + 1) << 3); /* a varint of 2^64 - 1 */
		n++;
		memset(payload + n, 0xff, 9);
		payload[n + 9] = 1;
		n += 10;
	}
	response.payload = (ProtobufCBinaryData){ n, payload };
	send_response(answer, &response);
	free(payload);
}

static const struct {
	const char *name;
	void (*go)(const struct answer *answer);
} kinds[] = {
	{ "never", never },
	{ "twice", twice },
	{ "garbage", garbage },
	{ "empty", empty },
	{ "short", short_one },
	{ "announced", announced },
	{ "oversized", oversized },
	{ "big", big },
	{ "error", error_text },
	{ "unavailable", unavailable },
	{ "cancelled", cancelled },
	{ "no-code", no_code },
	{ "strange-ids", strange_ids },
	{ "types", types },
	{ "closes", closes },
	{ "half-closes", half_closes },
	{ "flood", flood },
	{ "giant-values", giant_values },
};

/* --- The two directions --- */

/* An event at once for each that is asked for: killed for want of memory, in no known container. */
static void answer_event(struct mangler *mangler, uint32_t stream_id)
{
	KataLike__Ttrpc__Response response = KATA_LIKE__TTRPC__RESPONSE__INIT;
	KataLike__Agent__V1__Event event = KATA_LIKE__AGENT__V1__EVENT__INIT;
	struct ttrpc_frame frame = { .stream_id = stream_id, .type = TTRPC_FRAME_RESPONSE };
	struct answer answer = { mangler, &frame, NULL };
	uint8_t payload[256];

	event.kind = KATA_LIKE__AGENT__V1__EVENT__KIND__OOM;
	event.container_id = (char *)"../../\x1b[2J";
	response.payload.len = kata_like__agent__v1__event__pack(&event, payload);
	response.payload.data = payload;
	send_response(&answer, &response);
}

static void request_arrived(struct mangler *mangler, const struct ttrpc_frame *frame,
			    const uint8_t *data)
{
	KataLike__Ttrpc__Request *request =
		kata_like__ttrpc__request__unpack(NULL, frame->len_bytes, data);
	uint8_t header[TTRPC_FRAME_HEADER_BYTES];
	bool meant = request && strcmp(request->method, mangler->method) == 0;

	kata_like__ttrpc__request__free_unpacked(request, NULL);
	if (meant && mangler->n_streams < STREAMS_MAX)
		mangler->streams[mangler->n_streams++] = frame->stream_id;
	if (meant && strcmp(mangler->kind, "events") == 0) {
		answer_event(mangler, frame->stream_id);
		return;
	}
	ttrpc_frame_encode(frame, header);
	send_bytes(mangler, mangler->server_fd, header, sizeof(header));
	send_bytes(mangler, mangler->server_fd, data, frame->len_bytes);
}

static void answer_arrived(struct mangler *mangler, const struct ttrpc_frame *frame,
			   const uint8_t *data)
{
	struct answer answer = { mangler, frame, data };

	for (size_t i = 0; i < mangler->n_streams; i++) {
		if (mangler->streams[i] != frame->stream_id)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			if (strcmp(kinds[k].name, mangler->kind) == 0) {
				kinds[k].go(&answer);
				return;
			}
		}
	}
	pass(&answer);
}

/* False at the end. */
static bool receive(struct half *half, int fd)
{
	ssize_t n;

	if (half->room - half->len < 65536) {
		half->room += 1u << 20;
		half->bytes = realloc(half->bytes, half->room);
		if (!half->bytes)
			abort();
	}
	n = read(fd, half->bytes + half->len, half->room - half->len);
	if (n > 0)
		half->len += (size_t)n;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void move(struct mangler *mangler, bool to_server)
{
	struct half *half = to_server ? &mangler->from_shim : &mangler->from_server;
	struct ttrpc_frame frame;
	size_t whole;

	while (half->len >= TTRPC_FRAME_HEADER_BYTES) {
		ttrpc_frame_decode(half->bytes, &frame);
		whole = TTRPC_FRAME_HEADER_BYTES + frame.len_bytes;
		if (half->len < whole)
			return;
		if (to_server)
			request_arrived(mangler, &frame, half->bytes + TTRPC_FRAME_HEADER_BYTES);
		else
			answer_arrived(mangler, &frame, half->bytes + TTRPC_FRAME_HEADER_BYTES);
		half->len -= whole;
		memmove(half->bytes, half->bytes + whole, half->len);
	}
}

static void side_ready(void *ctx, int fd, uint32_t events)
{
	struct mangler *mangler = ctx;
	bool to_server = fd == mangler->shim_fd;

	(void)events;
	if (!receive(to_server ? &mangler->from_shim : &mangler->from_server, fd) ||
	    mangler->closed)
		exit(0);
	move(mangler, to_server);
}

int mangler_new(struct loop *loop, int fd, const char *how)
{
	struct mangler *mangler = calloc(1, sizeof(*mangler));
	int pair[2];

	if (!mangler || sscanf(how, "%31[^/]/%47[A-Za-z]", mangler->kind, mangler->method) != 2 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	mangler->shim_fd = fd;
	mangler->server_fd = pair[0];
	if (fd_set_nonblock(fd, 1) < 0 || fd_set_nonblock(pair[0], 1) < 0 ||
	    loop_add_fd(loop, fd, EPOLLIN, side_ready, mangler, NULL) < 0 ||
	    loop_add_fd(loop, pair[0], EPOLLIN, side_ready, mangler, NULL) < 0)
		abort();
	return pair[1];
}

/* What is refused, or what nobody reads, is no matter. */
static void send_link(int link_fd, const void *message, size_t len, size_t n_fds)
{
	int fds[2] = { open("/dev/null", O_RDONLY | O_CLOEXEC),
		       open("/dev/null", O_RDONLY | O_CLOEXEC) };

	(void)!fd_send(link_fd, message, len, fds, n_fds);
	close(fds[0]);
	close(fds[1]);
}

void mangle_link(int link_fd)
{
	uint8_t long_message[512] = { 0 };
	struct vsock_link_message message;

	for (uint32_t i = 0; i < 3000; i++) {
		message = (struct vsock_link_message){ .port = i % 3 ? i * 7919 : i };
		send_link(link_fd, &message, sizeof(message), 1);
		if (i % 100 != 0)
			continue;
		send_link(link_fd, &message, sizeof(message), 0);
		send_link(link_fd, &message, sizeof(message), 2);
		send_link(link_fd, &message, 1, 1);
		send_link(link_fd, long_message, sizeof(long_message), 1);
	}
}
