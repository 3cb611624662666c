/* SPDX-License-Identifier: Apache-2.0 */
/* Events to a containerd that is there, away, slow, or only a command. */
#include "shim/events/publisher.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "events.pb-c.h"
#include "lib/fd.h"
#include "proto/ttrpc/server.h"
#include "tests/unit/test.h"

#define STEPS_MAX 1000

struct fixture {
	char dir[32], socket[64];
	struct loop *loop;
	struct ttrpc_server *server; /* NULL: containerd is away */
	struct publisher *publisher;
	char topics[256]; /* that came, each with a space behind */
	bool refuse;
	bool flushed;
};

static void forward(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Events__ForwardRequest *request = (const void *)message;
	const KataLike__Events__Envelope *envelope = request->envelope;
	struct fixture *f = ctx;
	size_t used = strlen(f->topics);

	assert_non_null(envelope);
	assert_string_equal(envelope->namespace_, "ns");
	assert_true(envelope->timestamp->seconds > 0);
	assert_string_equal(envelope->event->type_url, "type");
	assert_memory_equal(envelope->event->value.data, "data", 4);
	(void)snprintf(f->topics + used, sizeof(f->topics) - used, "%s ", envelope->topic);
	if (f->refuse)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "no");
	else
		ttrpc_call_reply_empty(call);
}

static const struct ttrpc_method methods[] = {
	{ "Forward", forward, &kata_like__events__forward_request__descriptor,
	  &kata_like__empty__descriptor },
};
static const struct ttrpc_service service = { "containerd.services.events.ttrpc.v1.Events", methods,
					      1 };

static void come(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->socket);
	(void)unlink(f->socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(ttrpc_server_new(f->loop, &f->server, NULL), 0);
	assert_int_equal(ttrpc_server_add_service(f->server, &service, f), 0);
	assert_int_equal(ttrpc_server_listen(f->server, fd, true), 0);
}

static void go(struct fixture *f)
{
	ttrpc_server_free(f->server);
	f->server = NULL;
}

static void publish(struct fixture *f, const char *topic)
{
	publisher_send(f->publisher, topic, "type", (const uint8_t *)"data", 4);
}

static void expect(struct fixture *f, const char *topics)
{
	for (int i = 0; strcmp(f->topics, topics) != 0; i++) {
		if (i == STEPS_MAX)
			fail_msg("\"%s\" came, not \"%s\"", f->topics, topics);
		assert_int_equal(loop_step(f->loop, 10), 0);
	}
}

static void set_flushed(void *ctx)
{
	struct fixture *f = ctx;

	f->flushed = true;
}

static void flush(struct fixture *f, int64_t timeout_ms)
{
	f->flushed = false;
	publisher_flush(f->publisher, timeout_ms, set_flushed, f);
	for (int64_t end = clock_monotonic_ms() + 2 * timeout_ms;
	     !f->flushed && clock_monotonic_ms() < end;)
		assert_int_equal(loop_step(f->loop, 10), 0);
	assert_true(f->flushed);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct publisher_target target = { "ns", f->socket, "", "" };

	strcpy(f->dir, "/tmp/publisher.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->socket, sizeof(f->socket), "%s/ttrpc", f->dir);
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(publisher_new(f->loop, &target, &f->publisher, NULL), 0);
	assert_non_null(f->publisher);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	publisher_free(f->publisher);
	ttrpc_server_free(f->server);
	loop_free(f->loop);
	assert_int_equal(dir_remove(f->dir, NULL), 0);
	free(f);
	return 0;
}

static void events_arrive_in_order(void **state)
{
	struct fixture *f = *state;

	come(f);
	publish(f, "/tasks/create");
	publish(f, "/tasks/start");
	publish(f, "/tasks/exit");
	flush(f, 5000);
	expect(f, "/tasks/create /tasks/start /tasks/exit ");
}

static void events_wait_for_a_containerd_that_is_away(void **state)
{
	struct fixture *f = *state;

	publish(f, "a");
	publish(f, "b");
	for (int i = 0; i < 30; i++)
		assert_int_equal(loop_step(f->loop, 10), 0);
	come(f);
	expect(f, "a b ");
	go(f);
	publish(f, "c");
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_step(f->loop, 10), 0);
	come(f);
	expect(f, "a b c ");
}

static void an_event_that_is_refused_holds_up_nothing(void **state)
{
	struct fixture *f = *state;

	come(f);
	f->refuse = true;
	publish(f, "a");
	publish(f, "b");
	expect(f, "a b ");
	flush(f, 5000);
}

static void a_flush_ends_when_its_time_is_up(void **state)
{
	struct fixture *f = *state;

	publish(f, "a");
	flush(f, 50);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3000; i++)
		publish(f, i == 0 ? "first" : i == 2999 ? "last" : "x");
	assert_int_equal(loop_step(f->loop, 0), 0);
	come(f);
	/* Nothing but that it ends: 2048 of them were kept. */
	flush(f, 20000);
	assert_memory_equal(f->topics, "first x ", 8);
}

static void without_ttrpc_the_command_publishes(void **state)
{
	struct fixture *f = *state;
	char program[64], arguments[64], expected[256];
	_cleanup_free_ char *text = NULL;
	static const char script[] = "#!/bin/sh\ndir=${0%/*}\necho \"$@\" >>$dir/arguments\n"
				     "cat >>$dir/input\n";
	struct publisher_target target = { "ns", "", "/run/c.sock", program };

	(void)snprintf(program, sizeof(program), "%s/containerd", f->dir);
	(void)snprintf(arguments, sizeof(arguments), "%s/arguments", f->dir);
	assert_int_equal(file_write_atomic(program, script, strlen(script), 0700, NULL), 0);
	assert_int_equal(chmod(program, 0700), 0);
	publisher_free(f->publisher);
	assert_int_equal(publisher_new(f->loop, &target, &f->publisher, NULL), 0);
	publish(f, "/tasks/start");
	publish(f, "/tasks/exit");
	flush(f, 9000);
	assert_int_equal(file_read(AT_FDCWD, arguments, 4096, &text, NULL, NULL), 0);
	(void)snprintf(expected, sizeof(expected),
		       "--address /run/c.sock publish --topic /tasks/start --namespace ns\n"
		       "--address /run/c.sock publish --topic /tasks/exit --namespace ns\n");
	assert_string_equal(text, expected);
}

static void nobody_to_tell_is_no_error(void **state)
{
	struct fixture *f = *state;
	struct publisher_target target = { "ns", "", "", "" };
	struct publisher *none;

	assert_int_equal(publisher_new(f->loop, &target, &none, NULL), 0);
	assert_null(none);
	publisher_send(none, "a", "type", (const uint8_t *)"", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_arrive_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events_wait_for_a_containerd_that_is_away, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_event_that_is_refused_holds_up_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_flush_ends_when_its_time_is_up, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_go_when_there_are_too_many, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(without_ttrpc_the_command_publishes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(nobody_to_tell_is_no_error, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
