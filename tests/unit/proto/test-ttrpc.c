/* SPDX-License-Identifier: Apache-2.0 */
/* ttrpc: client and server against each other, and the server against raw bytes. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "proto/ttrpc/client.h"
#include "proto/ttrpc/frame.h"
#include "proto/ttrpc/server.h"
#include "task.pb-c.h"
#include "ttrpc.pb-c.h"

struct fixture {
	struct loop *loop;
	struct ttrpc_server *server;
	struct ttrpc_client *client;
	struct ttrpc_call *held;
	int answers[8];
	size_t n_answers;
	bool lost;
};

static void echo_state(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const KataLike__Task__StateRequest *in = (const void *)request;
	KataLike__Task__StateResponse out = KATA_LIKE__TASK__STATE_RESPONSE__INIT;
	const char *namespace = ttrpc_call_metadata(call, "containerd-namespace-ttrpc");

	(void)ctx;
	out.id = in->id;
	out.bundle = namespace ? (char *)namespace : (char *)"";
	out.pid = 7;
	ttrpc_call_reply(call, &out.base);
}

static void hold_wait(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct fixture *f = ctx;

	(void)request;
	f->held = call;
}

static void refuse_kill(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct err err = ERR_INIT;

	(void)ctx;
	(void)request;
	(void)err_say(&err, ENOENT, "no such process");
	ttrpc_call_fail_err(call, &err);
}

static const struct ttrpc_method methods[] = {
	{ "State", echo_state, &kata_like__task__state_request__descriptor,
	  &kata_like__task__state_response__descriptor },
	{ "Wait", hold_wait, &kata_like__task__wait_request__descriptor,
	  &kata_like__task__wait_response__descriptor },
	{ "Kill", refuse_kill, &kata_like__task__kill_request__descriptor,
	  &kata_like__task__state_response__descriptor },
};
static const struct ttrpc_service service = { "test.Task", methods, ARRAY_SIZE(methods) };

static const struct ttrpc_target target_state = { "test.Task", "State",
						  &kata_like__task__state_response__descriptor };
static const struct ttrpc_target target_wait = { "test.Task", "Wait",
						 &kata_like__task__wait_response__descriptor };
static const struct ttrpc_target target_kill = { "test.Task", "Kill",
						 &kata_like__task__state_response__descriptor };
static const struct ttrpc_target target_none = { "test.Task", "None",
						 &kata_like__task__state_response__descriptor };

static void client_lost(void *ctx)
{
	struct fixture *f = ctx;

	f->lost = true;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int pair[2];

	if (!f || loop_new(&f->loop, NULL) < 0 || ttrpc_server_new(f->loop, &f->server, NULL) < 0 ||
	    ttrpc_server_add_service(f->server, &service, f) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    ttrpc_server_add_connection(f->server, pair[0], NULL, NULL) < 0 ||
	    ttrpc_client_new(f->loop, pair[1], client_lost, f, &f->client, NULL) < 0)
		return -1;
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

static void note_answer(void *ctx, const struct ttrpc_status *status,
			const ProtobufCMessage *response)
{
	struct fixture *f = ctx;

	(void)response;
	f->answers[f->n_answers++] = (int)status->code;
}

static void a_call_is_answered_with_its_message(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	ProtobufCMessage *message;
	KataLike__Task__StateResponse *response;

	request.id = (char *)"c1";
	assert_int_equal(
		ttrpc_client_set_metadata(f->client, "containerd-namespace-ttrpc", "k8s.io"), 0);
	assert_int_equal(ttrpc_client_call_wait(f->client, &target_state, &request.base, 1000,
						&message, NULL),
			 0);
	response = (void *)message;
	assert_string_equal(response->id, "c1");
	assert_string_equal(response->bundle, "k8s.io");
	assert_int_equal(response->pid, 7);
	protobuf_c_message_free_unpacked(message, NULL);
}

static void a_call_that_waits_does_not_hold_up_others(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__WaitRequest wait = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	KataLike__Task__WaitResponse answer = KATA_LIKE__TASK__WAIT_RESPONSE__INIT;

	assert_int_equal(ttrpc_client_call(f->client, &target_wait, &wait.base, 0, note_answer, f),
			 0);
	assert_int_equal(
		ttrpc_client_call_wait(f->client, &target_state, &request.base, 0, NULL, NULL), 0);
	assert_int_equal(f->n_answers, 0);
	assert_non_null(f->held);
	ttrpc_call_reply(f->held, &answer.base);
	while (f->n_answers == 0)
		assert_int_equal(loop_step(f->loop, 1000), 0);
	assert_int_equal(f->answers[0], TTRPC_OK);
}

static void errors_carry_code_and_message(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__KillRequest request = KATA_LIKE__TASK__KILL_REQUEST__INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
		ttrpc_client_call_wait(f->client, &target_kill, &request.base, 0, NULL, &err),
		-ENOENT);
	assert_string_equal(err_text(&err), "no such process");
	assert_int_equal(
		ttrpc_client_call_wait(f->client, &target_none, &request.base, 0, NULL, &err),
		-EOPNOTSUPP);
}

static void a_deadline_ends_the_call_and_the_late_answer_is_dropped(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__WaitRequest wait = KATA_LIKE__TASK__WAIT_REQUEST__INIT;
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	struct err err = ERR_INIT;

	assert_int_equal(
		ttrpc_client_call_wait(f->client, &target_wait, &wait.base, 20, NULL, &err),
		-ETIMEDOUT);
	assert_true(ttrpc_call_deadline_ms(f->held) >= 0);
	ttrpc_call_fail(f->held, TTRPC_UNKNOWN, "late");
	assert_int_equal(
		ttrpc_client_call_wait(f->client, &target_state, &request.base, 0, NULL, NULL), 0);
}

static void calls_under_way_fail_when_the_server_goes(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__WaitRequest wait = KATA_LIKE__TASK__WAIT_REQUEST__INIT;

	assert_int_equal(ttrpc_client_call(f->client, &target_wait, &wait.base, 0, note_answer, f),
			 0);
	while (!f->held)
		assert_int_equal(loop_step(f->loop, 1000), 0);
	ttrpc_server_free(f->server);
	f->server = NULL;
	/* The call outlives its connection; its answer goes nowhere. */
	ttrpc_call_reply_empty(f->held);
	while (!f->lost)
		assert_int_equal(loop_step(f->loop, 1000), 0);
	assert_int_equal(f->answers[0], TTRPC_UNAVAILABLE);
	assert_int_equal(ttrpc_client_call(f->client, &target_wait, &wait.base, 0, note_answer, f),
			 -ECONNRESET);
}

static void freeing_the_client_cancels_its_calls(void **state)
{
	struct fixture *f = *state;
	KataLike__Task__WaitRequest wait = KATA_LIKE__TASK__WAIT_REQUEST__INIT;

	assert_int_equal(ttrpc_client_call(f->client, &target_wait, &wait.base, 0, note_answer, f),
			 0);
	ttrpc_client_free(f->client);
	f->client = NULL;
	assert_int_equal(f->n_answers, 1);
	assert_int_equal(f->answers[0], TTRPC_CANCELLED);
	assert_int_equal(loop_step(f->loop, 0), 0);
	if (f->held)
		ttrpc_call_reply_empty(f->held);
}

/* A server's connection that we feed by hand: its socket's other end. */
static int raw_connection(struct fixture *f)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ttrpc_server_add_connection(f->server, pair[0], NULL, NULL), 0);
	assert_int_equal(fd_set_nonblock(pair[1], 1), 0);
	return pair[1];
}

static void raw_send(struct fixture *f, int fd, uint32_t len, uint32_t stream_id, uint8_t type,
		     uint8_t flags, const void *data, size_t data_len)
{
	struct ttrpc_frame frame = { len, stream_id, type, flags };
	uint8_t header[TTRPC_FRAME_HEADER_BYTES];

	ttrpc_frame_encode(&frame, header);
	assert_int_equal(write(fd, header, sizeof(header)), sizeof(header));
	if (data_len > 0)
		assert_int_equal(write(fd, data, data_len), data_len);
	assert_int_equal(loop_step(f->loop, 1000), 0);
}

/* The status code of the response that has arrived, -1 when none has. */
static int raw_status(struct fixture *f, int fd)
{
	uint8_t buffer[4096];
	KataLike__Ttrpc__Response *response;
	ssize_t n;
	int code;

	assert_int_equal(loop_step(f->loop, 0), 0);
	n = read(fd, buffer, sizeof(buffer));
	if (n < (ssize_t)TTRPC_FRAME_HEADER_BYTES)
		return -1;
	response = kata_like__ttrpc__response__unpack(NULL, (size_t)n - TTRPC_FRAME_HEADER_BYTES,
						      buffer + TTRPC_FRAME_HEADER_BYTES);
	assert_non_null(response);
	code = response->status ? response->status->code : 0;
	kata_like__ttrpc__response__free_unpacked(response, NULL);
	return code;
}

static void even_and_falling_stream_ids_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = raw_connection(f);

	raw_send(f, fd, 0, 2, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_INVALID_ARGUMENT);
	raw_send(f, fd, 0, 5, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_UNIMPLEMENTED);
	raw_send(f, fd, 0, 3, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_INVALID_ARGUMENT);
	close(fd);
}

static void unknown_frame_types_are_skipped(void **state)
{
	struct fixture *f = *state;
	int fd = raw_connection(f);

	raw_send(f, fd, 3, 1, 77, 0, "abc", 3);
	assert_int_equal(raw_status(f, fd), -1);
	raw_send(f, fd, 0, 1, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_UNIMPLEMENTED);
	close(fd);
}

static void a_malformed_envelope_is_an_invalid_argument(void **state)
{
	struct fixture *f = *state;
	int fd = raw_connection(f);

	raw_send(f, fd, 3, 1, TTRPC_FRAME_REQUEST, 0, "\xff\xff\xff", 3);
	assert_int_equal(raw_status(f, fd), TTRPC_INVALID_ARGUMENT);
	close(fd);
}

static void an_oversized_request_is_refused_and_the_connection_goes_on(void **state)
{
	struct fixture *f = *state;
	const uint32_t len = TTRPC_FRAME_DATA_MAX + 1;
	char chunk[65536] = { 0 };
	int fd = raw_connection(f);

	raw_send(f, fd, len, 1, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_RESOURCE_EXHAUSTED);
	for (size_t sent = 0; sent < len;) {
		ssize_t n = write(fd, chunk, MIN(sizeof(chunk), (size_t)len - sent));

		if (n > 0)
			sent += (size_t)n;
		assert_int_equal(loop_step(f->loop, 0), 0);
	}
	raw_send(f, fd, 0, 3, TTRPC_FRAME_REQUEST, 0, NULL, 0);
	assert_int_equal(raw_status(f, fd), TTRPC_UNIMPLEMENTED);
	close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_call_is_answered_with_its_message),
		T(a_call_that_waits_does_not_hold_up_others),
		T(errors_carry_code_and_message),
		T(a_deadline_ends_the_call_and_the_late_answer_is_dropped),
		T(calls_under_way_fail_when_the_server_goes),
		T(freeing_the_client_cancels_its_calls),
		T(even_and_falling_stream_ids_are_refused),
		T(unknown_frame_types_are_skipped),
		T(a_malformed_envelope_is_an_invalid_argument),
		T(an_oversized_request_is_refused_and_the_connection_goes_on),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
