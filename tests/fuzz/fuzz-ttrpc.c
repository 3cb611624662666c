/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes a ttrpc server, as a hostile peer of the agent's or the shim's would speak to it. Input:
 * pieces, each a byte of length and its bytes, which arrive one after another; then the peer goes.
 * The handlers answer at once, later, or with an error, by what is asked for; a stream echoes until
 * its client ends it or says something of no length.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/loop.h"
#include "proto/ttrpc/server.h"
#include "task.pb-c.h"
#include "tests/fuzz/input.h"

#define HELD_MAX 8

struct held {
	struct ttrpc_call *calls[HELD_MAX];
	size_t n;
};

static void answer_state(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Task__StateRequest *request = (const void *)message;
	KataLike__Task__StateResponse response = KATA_LIKE__TASK__STATE_RESPONSE__INIT;

	(void)ctx;
	(void)ttrpc_call_metadata(call, "containerd-namespace-ttrpc");
	FUZZ_CHECK(ttrpc_call_deadline_ms(call) >= -1);
	if (!*request->id) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no %s", request->exec_id);
		return;
	}
	response.id = request->id;
	response.bundle = request->exec_id;
	ttrpc_call_reply(call, &response.base);
}

static void answer_later(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct held *held = ctx;

	(void)message;
	if (held->n < HELD_MAX)
		held->calls[held->n++] = call;
	else
		ttrpc_call_reply_empty(call);
}

struct echo {
	struct ttrpc_call *call;
};

static void echo_ended(void *ctx, const struct ttrpc_status *status)
{
	FUZZ_CHECK(status->code != TTRPC_OK);
	free(ctx);
}

static void echo_finished(void *ctx)
{
	struct echo *echo = ctx;

	ttrpc_call_reply_empty(echo->call);
	free(echo);
}

static void echo_message(void *ctx, const ProtobufCMessage *message)
{
	const KataLike__Task__StateRequest *request = (const void *)message;
	struct echo *echo = ctx;
	KataLike__Task__StateResponse response = KATA_LIKE__TASK__STATE_RESPONSE__INIT;

	if (!*request->id) {
		ttrpc_call_fail(echo->call, TTRPC_CANCELLED, "said nothing");
		free(echo);
		return;
	}
	response.id = request->id;
	FUZZ_CHECK(ttrpc_call_send(echo->call, &response.base) == 0);
	(void)ttrpc_call_is_held_up(echo->call);
}

static const struct ttrpc_stream_ops echo_ops = { .message = echo_message,
						  .finished = echo_finished,
						  .ended = echo_ended };

static void open_echo(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct echo *echo = calloc(1, sizeof(*echo));

	(void)ctx;
	(void)message;
	FUZZ_CHECK(echo != NULL);
	echo->call = call;
	ttrpc_call_stream(call, &echo_ops, echo);
}

static const struct ttrpc_method methods[] = {
	{ "Echo", open_echo, &kata_like__task__state_request__descriptor,
	  &kata_like__task__state_response__descriptor, true },
	{ "State", answer_state, &kata_like__task__state_request__descriptor,
	  &kata_like__task__state_response__descriptor },
	{ "Wait", answer_later, &kata_like__task__wait_request__descriptor,
	  &kata_like__task__wait_response__descriptor },
	{ "Create", answer_later, &kata_like__task__create_task_request__descriptor,
	  &kata_like__task__create_task_response__descriptor },
};
static const struct ttrpc_service service = { "T", methods, ARRAY_SIZE(methods) };

/* What the server sends is taken away, so that it goes on reading. */
static void drain(int fd)
{
	char buffer[4096];

	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
}

static void feed(struct loop *loop, int fd, struct fuzz_input *input)
{
	uint8_t piece[255];

	while (input->left > 0) {
		size_t len = fuzz_take8(input);

		len = fuzz_take(input, piece, len);
		if (len > 0 && send(fd, piece, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		for (unsigned i = 0; i < 3; i++)
			FUZZ_CHECK(loop_step(loop, 0) >= 0);
		drain(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct held held = { .n = 0 };
	struct ttrpc_server *server = NULL;
	struct loop *loop = NULL;
	int pair[2];

	FUZZ_CHECK(loop_new(&loop, NULL) == 0);
	FUZZ_CHECK(ttrpc_server_new(loop, &server, NULL) == 0);
	FUZZ_CHECK(ttrpc_server_add_service(server, &service, &held) == 0);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	FUZZ_CHECK(ttrpc_server_add_connection(server, pair[0], NULL, NULL) == 0);
	feed(loop, pair[1], &input);
	/* Half of the answers find their peer gone. */
	for (size_t i = 0; i < held.n / 2; i++)
		ttrpc_call_reply_empty(held.calls[i]);
	close(pair[1]);
	for (unsigned i = 0; i < 4; i++)
		FUZZ_CHECK(loop_step(loop, 0) >= 0);
	for (size_t i = held.n / 2; i < held.n; i++)
		ttrpc_call_fail(held.calls[i], TTRPC_UNAVAILABLE, "gone");
	ttrpc_server_free(server);
	loop_free(loop);
	return 0;
}
