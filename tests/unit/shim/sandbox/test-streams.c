/* SPDX-License-Identifier: Apache-2.0 */
/* Standard streams over the shim's own socket, against a client that keeps to windows. */
#include "shim/sandbox/streams.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.pb-c.h"
#include "lib/bytes.h"
#include "lib/fd.h"
#include "proto/ttrpc/client.h"
#include "streaming.pb-c.h"
#include "tests/unit/dice.h"
#include "tests/unit/test.h"

#define MANY_BYTES (2u << 20)

struct fixture {
	struct loop *loop;
	struct ttrpc_server *server;
	struct streams *streams;
	struct ttrpc_client *client;
	uint32_t stream;
	struct bytes got;
	size_t window;
	bool acked;
	int ended; /* a code, -1 before */
};

static void take_message(void *ctx, const ProtobufCMessage *message)
{
	const KataLike__Any *any = (const void *)message;
	struct fixture *f = ctx;

	if (!f->acked) {
		assert_string_equal(any->type_url, "google.protobuf.Empty");
		f->acked = true;
	} else if (strcmp(any->type_url, "containerd.types.transfer.Data") == 0) {
		KataLike__Streaming__Data *data =
			kata_like__streaming__data__unpack(NULL, any->value.len, any->value.data);

		assert_non_null(data);
		assert_int_equal(bytes_append(&f->got, data->data.data, data->data.len), 0);
		kata_like__streaming__data__free_unpacked(data, NULL);
	} else {
		KataLike__Streaming__WindowUpdate *update =
			kata_like__streaming__window_update__unpack(NULL, any->value.len,
								    any->value.data);

		assert_string_equal(any->type_url, "containerd.types.transfer.WindowUpdate");
		assert_non_null(update);
		f->window += (size_t)update->update;
		kata_like__streaming__window_update__free_unpacked(update, NULL);
	}
}

static void note_end(void *ctx, const struct ttrpc_status *status)
{
	((struct fixture *)ctx)->ended = (int)status->code;
}

static const struct ttrpc_stream_ops ops = { .message = take_message, .ended = note_end };
static const struct ttrpc_target target = { "containerd.services.streaming.v1.Streaming", "Stream",
					    &kata_like__any__descriptor };

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || loop_new(&f->loop, NULL) < 0 || ttrpc_server_new(f->loop, &f->server, NULL) < 0 ||
	    streams_new(f->loop, &f->streams, NULL) < 0 ||
	    streams_register(f->streams, f->server) < 0)
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_free(f->client);
	ttrpc_server_free(f->server);
	streams_free(f->streams);
	bytes_fini(&f->got);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void step(struct fixture *f)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(loop_step(f->loop, 0), 0);
}

static void send_any(struct fixture *f, const char *type, const ProtobufCMessage *message)
{
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	_cleanup_free_ uint8_t *packed = malloc(protobuf_c_message_get_packed_size(message) + 1);

	assert_non_null(packed);
	any.type_url = (char *)type;
	any.value.len = protobuf_c_message_pack(message, packed);
	any.value.data = packed;
	assert_int_equal(ttrpc_client_stream_send(f->client, f->stream, &any.base), 0);
}

/* A client on a connection of its own, as containerd has one for each stream. */
static void connect_client(struct fixture *f, const char *id)
{
	KataLike__Streaming__StreamInit init = KATA_LIKE__STREAMING__STREAM_INIT__INIT;
	int pair[2];

	f->acked = false;
	f->window = 0;
	f->ended = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ttrpc_server_add_connection(f->server, pair[0], NULL, NULL), 0);
	assert_int_equal(ttrpc_client_new(f->loop, pair[1], NULL, NULL, &f->client, NULL), 0);
	assert_int_equal(ttrpc_client_open(f->client, &target, &ops, f, &f->stream), 0);
	init.id = (char *)id;
	send_any(f, "containerd.services.streaming.v1.StreamInit", &init.base);
	step(f);
}

static void drop_client(struct fixture *f)
{
	ttrpc_client_free(f->client);
	f->client = NULL;
	step(f);
}

static void send_data(struct fixture *f, const uint8_t *bytes, size_t len)
{
	KataLike__Streaming__Data data = KATA_LIKE__STREAMING__DATA__INIT;

	data.data = (ProtobufCBinaryData){ len, (uint8_t *)bytes };
	send_any(f, "containerd.types.transfer.Data", &data.base);
	f->window -= len;
}

static int claim(struct fixture *f, const char *id, bool input)
{
	struct err err = ERR_INIT;
	int fd = -1;

	if (streams_claim(f->streams, id, input, &fd, &err) < 0)
		fail_msg("%s", err_text(&err));
	return fd;
}

static void the_id_is_found_in_a_uri(void **state)
{
	(void)state;
	assert_string_equal(streams_id("ttrpc+unix:///run/a.sock?streaming_id=c-stdout"),
			    "c-stdout");
	assert_null(streams_id("ttrpc+unix:///run/a.sock?streaming_id="));
	assert_null(streams_id("ttrpc+unix:///run/a.sock"));
	assert_null(streams_id("/run/fifo?streaming_id=c"));
}

static void output_comes_whole_and_ends(void **state)
{
	struct fixture *f = *state;
	static uint8_t chunk[4096];
	size_t written = 0;
	int fd;

	connect_client(f, "c-stdout");
	assert_true(f->acked);
	fd = claim(f, "c-stdout", false);
	while (written < MANY_BYTES) {
		ssize_t n = write(fd, chunk, sizeof(chunk));

		if (n > 0)
			written += (size_t)n;
		assert_int_equal(loop_step(f->loop, 0), 0);
	}
	close(fd);
	streams_release(f->streams, "c-stdout");
	while (f->ended < 0)
		assert_int_equal(loop_step(f->loop, 1000), 0);
	assert_int_equal(f->ended, TTRPC_OK);
	assert_int_equal(f->got.len, written);
}

static void output_waits_for_a_client_and_for_the_next_one(void **state)
{
	struct fixture *f = *state;
	int fd = claim(f, "c-stdout", false);

	assert_int_equal(write(fd, "one", 3), 3);
	step(f);
	connect_client(f, "c-stdout");
	assert_int_equal(f->got.len, 3);
	drop_client(f);
	assert_int_equal(write(fd, "two", 3), 3);
	close(fd);
	step(f);
	connect_client(f, "c-stdout");
	assert_int_equal(f->got.len, 6);
	assert_memory_equal(bytes_front(&f->got), "onetwo", 6);
	assert_int_equal(f->ended, TTRPC_OK);
	streams_release(f->streams, "c-stdout");
}

static void input_grants_windows_and_ends_with_its_client(void **state)
{
	struct fixture *f = *state;
	static uint8_t chunk[32768], read_back[65536];
	size_t sent = 0, taken = 0;
	int fd = claim(f, "c-stdin", true);
	ssize_t n;

	connect_client(f, "c-stdin");
	assert_true(f->window > 0);
	while (taken < MANY_BYTES) {
		if (sent < MANY_BYTES && f->window > 0) {
			size_t len = MIN(f->window, sizeof(chunk));

			send_data(f, chunk, len);
			sent += len;
		}
		step(f);
		n = read(fd, read_back, 10000);
		if (n > 0)
			taken += (size_t)n;
	}
	while (taken < sent) {
		step(f);
		n = read(fd, read_back, sizeof(read_back));
		taken += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(read(fd, read_back, 1), -1);
	assert_int_equal(ttrpc_client_stream_finish(f->client, f->stream), 0);
	step(f);
	assert_int_equal(read(fd, read_back, 1), 0);
	assert_int_equal(f->ended, TTRPC_OK);
	close(fd);
	streams_release(f->streams, "c-stdin");
}

static void input_outlives_a_client_that_vanishes(void **state)
{
	struct fixture *f = *state;
	int fd = claim(f, "c-stdin", true);
	char text[8];

	connect_client(f, "c-stdin");
	send_data(f, (const uint8_t *)"one", 3);
	step(f);
	drop_client(f);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	connect_client(f, "c-stdin");
	send_data(f, (const uint8_t *)"two", 3);
	step(f);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	/* One that is there ends it itself, whatever else is said. */
	streams_close_input(f->streams, "c-stdin");
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	drop_client(f);
	streams_close_input(f->streams, "c-stdin");
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	streams_release(f->streams, "c-stdin");
}

static void input_ends_for_its_client_with_the_process(void **state)
{
	struct fixture *f = *state;
	int fd = claim(f, "c-stdin", true);

	connect_client(f, "c-stdin");
	close(fd);
	streams_release(f->streams, "c-stdin");
	step(f);
	assert_int_equal(f->ended, TTRPC_OK);
}

static void more_input_than_was_granted_is_refused(void **state)
{
	struct fixture *f = *state;
	static uint8_t chunk[200000];
	int fd = claim(f, "c-stdin", true);

	connect_client(f, "c-stdin");
	send_data(f, chunk, sizeof(chunk));
	step(f);
	assert_int_equal(f->ended, TTRPC_INVALID_ARGUMENT);
	close(fd);
	streams_release(f->streams, "c-stdin");
}

static void an_output_whose_client_talks_back_waits_for_the_next_one(void **state)
{
	struct fixture *f = *state;
	struct ttrpc_client *first;
	int fd = claim(f, "c-stdout", false);

	connect_client(f, "c-stdout");
	send_data(f, (const uint8_t *)"back", 4);
	step(f);
	assert_int_equal(f->ended, TTRPC_INVALID_ARGUMENT);
	first = f->client;
	assert_int_equal(write(fd, "one", 3), 3);
	step(f);
	assert_int_equal(f->got.len, 0);
	connect_client(f, "c-stdout");
	assert_int_equal(f->got.len, 3);
	ttrpc_client_free(first);
	close(fd);
	streams_release(f->streams, "c-stdout");
}

static void a_stream_has_one_client_and_one_process(void **state)
{
	struct fixture *f = *state;
	struct ttrpc_client *first;
	struct err err = ERR_INIT;
	int fd = claim(f, "c-stdout", false), other = -1;

	assert_int_equal(streams_claim(f->streams, "c-stdout", false, &other, &err), -EEXIST);
	connect_client(f, "c-stdout");
	first = f->client;
	connect_client(f, "c-stdout");
	assert_int_equal(f->ended, TTRPC_ALREADY_EXISTS);
	ttrpc_client_free(first);
	close(fd);
	streams_release(f->streams, "c-stdout");
}

static void ignore_message(void *ctx, const ProtobufCMessage *message)
{
	(void)ctx;
	(void)message;
}

static void note_over(void *ctx, const struct ttrpc_status *status)
{
	(void)status;
	*(bool *)ctx = true;
}

static const struct ttrpc_stream_ops deaf_ops = { .message = ignore_message, .ended = note_over };

/* A peer, and a process, that do whatever comes to mind. */
struct monkey {
	struct fixture *f;
	uint32_t random;
	struct {
		struct ttrpc_client *client;
		uint32_t stream;
		bool over;
	} peers[3];
	int fds[2]; /* of the process; -1 for none */
	bool claimed[2];
};

static const char *const monkey_ids[] = { "a", "b" };

static uint32_t monkey_pick(struct monkey *m, uint32_t n)
{
	return dice_roll(&m->random, n);
}

static void monkey_connect(struct monkey *m, unsigned i)
{
	int pair[2];

	if (m->peers[i].client)
		return;
	m->peers[i].over = false;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ttrpc_server_add_connection(m->f->server, pair[0], NULL, NULL), 0);
	assert_int_equal(
		ttrpc_client_new(m->f->loop, pair[1], NULL, NULL, &m->peers[i].client, NULL), 0);
	assert_int_equal(ttrpc_client_open(m->peers[i].client, &target, &deaf_ops,
					   &m->peers[i].over, &m->peers[i].stream),
			 0);
}

static void monkey_say(struct monkey *m, unsigned i)
{
	static uint8_t chunk[70000];
	KataLike__Streaming__StreamInit init = KATA_LIKE__STREAMING__STREAM_INIT__INIT;
	KataLike__Streaming__Data data = KATA_LIKE__STREAMING__DATA__INIT;

	if (!m->peers[i].client || m->peers[i].over)
		return;
	m->f->client = m->peers[i].client;
	m->f->stream = m->peers[i].stream;
	data.data = (ProtobufCBinaryData){ monkey_pick(m, sizeof(chunk)), chunk };
	init.id = (char *)monkey_ids[monkey_pick(m, 2)];
	switch (monkey_pick(m, 4)) {
	case 0:
		send_any(m->f, "containerd.services.streaming.v1.StreamInit", &init.base);
		break;
	case 1:
		send_any(m->f, "containerd.types.transfer.Data", &data.base);
		break;
	case 2: /* no message of that type */
		send_any(m->f, "containerd.types.transfer.Data", &init.base);
		break;
	case 3:
		(void)!ttrpc_client_stream_finish(m->f->client, m->f->stream);
		break;
	}
	m->f->client = NULL;
}

static void monkey_process(struct monkey *m, unsigned i)
{
	static char chunk[70000];
	size_t len = monkey_pick(m, sizeof(chunk));

	switch (monkey_pick(m, 6)) {
	case 0:
		if (m->fds[i] < 0 && !m->claimed[i])
			m->claimed[i] = streams_claim(m->f->streams, monkey_ids[i],
						      monkey_pick(m, 2), &m->fds[i], NULL) == 0;
		break;
	case 1: /* whichever way the pipe goes */
		(void)!write(m->fds[i], chunk, len);
		break;
	case 2:
		(void)!read(m->fds[i], chunk, len);
		break;
	case 3:
		streams_close_input(m->f->streams, monkey_ids[i]);
		break;
	case 4:
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
		break;
	case 5:
		streams_release(m->f->streams, monkey_ids[i]);
		m->claimed[i] = false;
		break;
	}
	(void)streams_is_unread(m->f->streams, monkey_ids[i]);
}

static void no_order_of_events_does_harm(void **state)
{
	struct fixture *f = *state;
	struct monkey m = { .f = f, .random = 2463534242, .fds = { -1, -1 } };

	for (int round = 0; round < 30000; round++) {
		unsigned i = monkey_pick(&m, ARRAY_SIZE(m.peers));

		switch (monkey_pick(&m, 8)) {
		case 0:
			monkey_connect(&m, i);
			break;
		case 1:
		case 2:
			monkey_say(&m, i);
			break;
		case 3:
		case 4:
			monkey_process(&m, monkey_pick(&m, 2));
			break;
		case 5:
			if (monkey_pick(&m, 4) == 0)
				ttrpc_client_free(TAKE_PTR(m.peers[i].client));
			break;
		default:
			assert_int_equal(loop_step(f->loop, 0), 0);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(m.peers); i++)
		ttrpc_client_free(m.peers[i].client);
	for (int i = 0; i < 2; i++)
		if (m.fds[i] >= 0)
			close(m.fds[i]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_id_is_found_in_a_uri),
		T(output_comes_whole_and_ends),
		T(output_waits_for_a_client_and_for_the_next_one),
		T(input_grants_windows_and_ends_with_its_client),
		T(input_outlives_a_client_that_vanishes),
		T(input_ends_for_its_client_with_the_process),
		T(more_input_than_was_granted_is_refused),
		T(an_output_whose_client_talks_back_waits_for_the_next_one),
		T(a_stream_has_one_client_and_one_process),
		T(no_order_of_events_does_harm),
	};
#undef T

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
