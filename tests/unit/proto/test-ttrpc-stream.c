/* SPDX-License-Identifier: Apache-2.0 */
/* Streaming calls of ttrpc: client and server against each other, and the server against raw bytes.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.pb-c.h"
#include "lib/fd.h"
#include "proto/ttrpc/client.h"
#include "proto/ttrpc/frame.h"
#include "proto/ttrpc/server.h"
#include "ttrpc.pb-c.h"

#define MANY 3000

/* What one side of a stream has seen. */
struct side {
	struct ttrpc_call *call; /* the server's; NULL when it is over */
	size_t n_messages, last_len;
	bool finished, drained;
	int ended; /* a code, -1 before */
};

struct fixture {
	struct loop *loop;
	struct ttrpc_server *server;
	struct ttrpc_client *client;
	struct side ours, theirs; /* the server's, the client's */
	bool echo;
};

static void side_message(struct side *side, const ProtobufCMessage *message)
{
	side->n_messages++;
	side->last_len = ((const KataLike__Any *)message)->value.len;
}

static void server_message(void *ctx, const ProtobufCMessage *message)
{
	struct fixture *f = ctx;

	side_message(&f->ours, message);
	if (f->echo)
		assert_int_equal(ttrpc_call_send(f->ours.call, message), 0);
}

static void server_finished(void *ctx)
{
	((struct fixture *)ctx)->ours.finished = true;
}

static void server_drained(void *ctx)
{
	((struct fixture *)ctx)->ours.drained = true;
}

static void server_ended(void *ctx, const struct ttrpc_status *status)
{
	struct fixture *f = ctx;

	f->ours.ended = (int)status->code;
	f->ours.call = NULL;
}

static const struct ttrpc_stream_ops server_ops = { server_message, server_finished, server_drained,
						    server_ended };

static void open_stream(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct fixture *f = ctx;

	(void)request;
	f->ours.call = call;
	ttrpc_call_stream(call, &server_ops, f);
}

static void answer(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	(void)ctx;
	(void)request;
	ttrpc_call_reply_empty(call);
}

static const struct ttrpc_method methods[] = {
	{ "Stream", open_stream, &kata_like__any__descriptor, &kata_like__any__descriptor, true },
	{ "Unary", answer, &kata_like__any__descriptor, &kata_like__any__descriptor },
};
static const struct ttrpc_service service = { "T", methods, ARRAY_SIZE(methods) };
static const struct ttrpc_target target = { "T", "Stream", &kata_like__any__descriptor };
static const struct ttrpc_target unary = { "T", "Unary", &kata_like__any__descriptor };

static void client_message(void *ctx, const ProtobufCMessage *message)
{
	side_message(&((struct fixture *)ctx)->theirs, message);
}

static void client_ended(void *ctx, const struct ttrpc_status *status)
{
	((struct fixture *)ctx)->theirs.ended = (int)status->code;
}

static const struct ttrpc_stream_ops ops = { .message = client_message, .ended = client_ended };

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int pair[2];

	if (!f || loop_new(&f->loop, NULL) < 0 || ttrpc_server_new(f->loop, &f->server, NULL) < 0 ||
	    ttrpc_server_add_service(f->server, &service, f) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    ttrpc_server_add_connection(f->server, pair[0], NULL, NULL) < 0 ||
	    ttrpc_client_new(f->loop, pair[1], NULL, NULL, &f->client, NULL) < 0)
		return -1;
	f->ours.ended = f->theirs.ended = -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_free(f->client);
	ttrpc_server_free(f->server);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void step(struct fixture *f)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(loop_step(f->loop, 0), 0);
}

static uint32_t open_one(struct fixture *f)
{
	uint32_t id = 0;

	assert_int_equal(ttrpc_client_open(f->client, &target, &ops, f, &id), 0);
	step(f);
	assert_non_null(f->ours.call);
	return id;
}

static KataLike__Any any_of(size_t len)
{
	static uint8_t text[4096];
	KataLike__Any any = KATA_LIKE__ANY__INIT;

	any.value = (ProtobufCBinaryData){ len, text };
	return any;
}

static void messages_go_both_ways_beside_other_calls(void **state)
{
	struct fixture *f = *state;
	KataLike__Any any = any_of(10), empty = any_of(0);
	uint32_t id = open_one(f);

	f->echo = true;
	assert_int_equal(ttrpc_client_stream_send(f->client, id, &any.base), 0);
	assert_int_equal(ttrpc_client_call_wait(f->client, &unary, &empty.base, 0, NULL, NULL), 0);
	step(f);
	assert_int_equal(f->theirs.n_messages, 1);
	assert_int_equal(f->theirs.last_len, 10);
	/* One of no bytes is a message as well. */
	assert_int_equal(ttrpc_client_stream_send(f->client, id, &empty.base), 0);
	step(f);
	assert_int_equal(f->ours.n_messages, 2);
	assert_int_equal(f->theirs.n_messages, 2);
	assert_int_equal(f->theirs.last_len, 0);
}

static void a_client_that_sends_no_more_still_receives(void **state)
{
	struct fixture *f = *state;
	KataLike__Any any = any_of(5);
	uint32_t id = open_one(f);

	assert_int_equal(ttrpc_client_stream_finish(f->client, id), 0);
	step(f);
	assert_true(f->ours.finished);
	assert_int_equal(f->ours.n_messages, 0);
	assert_int_equal(ttrpc_call_send(f->ours.call, &any.base), 0);
	ttrpc_call_reply_empty(f->ours.call);
	step(f);
	assert_int_equal(f->theirs.n_messages, 1);
	assert_int_equal(f->theirs.ended, TTRPC_OK);
	assert_int_equal(ttrpc_client_stream_send(f->client, id, &any.base), -ENOENT);
}

static void a_stream_may_end_with_an_error(void **state)
{
	struct fixture *f = *state;

	(void)open_one(f);
	ttrpc_call_fail(f->ours.call, TTRPC_ALREADY_EXISTS, "taken");
	step(f);
	assert_int_equal(f->theirs.ended, TTRPC_ALREADY_EXISTS);
	/* The server ended it itself, so it is not told. */
	assert_int_equal(f->ours.ended, -1);
}

static void either_side_learns_that_the_connection_is_gone(void **state)
{
	struct fixture *f = *state;

	(void)open_one(f);
	ttrpc_client_free(f->client);
	f->client = NULL;
	assert_int_equal(f->theirs.ended, TTRPC_CANCELLED);
	step(f);
	assert_int_equal(f->ours.ended, TTRPC_UNAVAILABLE);
}

static void a_receiver_that_is_slow_holds_the_sender_up_until_it_reads(void **state)
{
	struct fixture *f = *state;
	KataLike__Any any = any_of(4096);
	size_t sent = 0;

	(void)open_one(f);
	while (!ttrpc_call_is_held_up(f->ours.call) && sent < MANY) {
		assert_int_equal(ttrpc_call_send(f->ours.call, &any.base), 0);
		sent++;
	}
	assert_true(sent < MANY);
	assert_false(f->ours.drained);
	while (!f->ours.drained)
		step(f);
	step(f);
	assert_int_equal(f->theirs.n_messages, sent);
}

static void a_stream_is_not_a_call_and_a_call_not_a_stream(void **state)
{
	struct fixture *f = *state;
	KataLike__Any any = any_of(1);
	struct err err = ERR_INIT;
	const struct ttrpc_target wrong = { "T", "Unary", &kata_like__any__descriptor };
	uint32_t id = 0;

	assert_int_equal(ttrpc_client_call_wait(f->client, &target, &any.base, 0, NULL, &err),
			 -EINVAL);
	assert_int_equal(ttrpc_client_open(f->client, &wrong, &ops, f, &id), 0);
	step(f);
	assert_int_equal(f->theirs.ended, TTRPC_INVALID_ARGUMENT);
}

static void raw_send(struct fixture *f, int fd, uint32_t len, uint32_t stream_id, uint8_t type,
		     uint8_t flags, const void *data, size_t data_len)
{
	const struct ttrpc_frame frame = { len, stream_id, type, flags };
	uint8_t header[TTRPC_FRAME_HEADER_BYTES];

	ttrpc_frame_encode(&frame, header);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	if (data_len > 0)
		assert_int_equal(write(fd, data, data_len), data_len);
	step(f);
}

/* A connection that we feed by hand, with a stream of number 1. */
static int raw_stream(struct fixture *f)
{
	KataLike__Ttrpc__Request request = KATA_LIKE__TTRPC__REQUEST__INIT;
	uint8_t packed[64];
	size_t len;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ttrpc_server_add_connection(f->server, pair[0], NULL, NULL), 0);
	request.service = (char *)"T";
	request.method = (char *)"Stream";
	len = kata_like__ttrpc__request__pack(&request, packed);
	raw_send(f, pair[1], (uint32_t)len, 1, TTRPC_FRAME_REQUEST, TTRPC_FLAG_REMOTE_OPEN, packed,
		 len);
	assert_non_null(f->ours.call);
	return pair[1];
}

static void malformed_data_ends_the_stream(void **state)
{
	struct fixture *f = *state;
	int fd = raw_stream(f);

	raw_send(f, fd, 2, 1, TTRPC_FRAME_DATA, 0, "\xff\xff", 2);
	assert_int_equal(f->ours.ended, TTRPC_INVALID_ARGUMENT);
	close(fd);
}

static void oversized_data_ends_the_stream_and_is_skipped(void **state)
{
	struct fixture *f = *state;
	int fd = raw_stream(f);

	raw_send(f, fd, TTRPC_FRAME_DATA_MAX + 1, 1, TTRPC_FRAME_DATA, 0, NULL, 0);
	assert_int_equal(f->ours.ended, TTRPC_RESOURCE_EXHAUSTED);
	close(fd);
}

static void data_of_no_stream_or_without_data_is_nothing(void **state)
{
	struct fixture *f = *state;
	int fd = raw_stream(f);

	raw_send(f, fd, 2, 7, TTRPC_FRAME_DATA, 0, "\xff\xff", 2);
	raw_send(f, fd, 0, 1, TTRPC_FRAME_DATA, TTRPC_FLAG_NO_DATA, NULL, 0);
	assert_int_equal(f->ours.n_messages, 0);
	assert_int_equal(f->ours.ended, -1);
	/* Without that flag no bytes are a message. */
	raw_send(f, fd, 0, 1, TTRPC_FRAME_DATA, 0, NULL, 0);
	assert_int_equal(f->ours.n_messages, 1);
	raw_send(f, fd, 0, 1, TTRPC_FRAME_DATA, TTRPC_FLAG_REMOTE_CLOSED, NULL, 0);
	assert_true(f->ours.finished);
	raw_send(f, fd, 0, 1, TTRPC_FRAME_DATA, 0, NULL, 0);
	assert_int_equal(f->ours.ended, TTRPC_INVALID_ARGUMENT);
	close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(messages_go_both_ways_beside_other_calls),
		T(a_client_that_sends_no_more_still_receives),
		T(a_stream_may_end_with_an_error),
		T(either_side_learns_that_the_connection_is_gone),
		T(a_receiver_that_is_slow_holds_the_sender_up_until_it_reads),
		T(a_stream_is_not_a_call_and_a_call_not_a_stream),
		T(malformed_data_ends_the_stream),
		T(oversized_data_ends_the_stream_and_is_skipped),
		T(data_of_no_stream_or_without_data_is_nothing),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
