/* SPDX-License-Identifier: Apache-2.0 */
/* A relay loses no byte, holds little, and passes ends on. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/relay.h"
#include "lib/fd.h"

struct fixture {
	struct loop *loop;
	struct relay *relay;
	int in, out; /* the test's ends */
	unsigned int drained;
};

static void on_drained(void *ctx)
{
	((struct fixture *)ctx)->drained++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = ERR_INIT;
	int pipes[2], sockets[2];

	(void)signal(SIGPIPE, SIG_IGN);
	if (loop_new(&f->loop, &err) < 0 || pipe2(pipes, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
		return -1;
	f->in = pipes[1];
	f->out = sockets[1];
	*state = f;
	return fd_set_nonblock(f->in, 1) < 0 || fd_set_nonblock(f->out, 1) < 0 ||
			       relay_new(f->loop, pipes[0], sockets[0], RELAY_END_SHUTDOWN,
					 &f->relay) < 0
		       ? -1
		       : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	relay_free(f->relay);
	loop_free(f->loop);
	if (f->in >= 0)
		close(f->in);
	if (f->out >= 0)
		close(f->out);
	free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		assert_int_equal(loop_step(f->loop, 0), 0);
}

/* Writes until nothing more goes in; how much that was. */
static size_t fill(struct fixture *f)
{
	static const char zeros[4096];
	size_t total = 0;

	for (;;) {
		ssize_t n = write(f->in, zeros, sizeof(zeros));

		if (n < 0) {
			size_t before = total;

			turn(f);
			n = write(f->in, zeros, 1);
			total += n > 0 ? (size_t)n : 0;
			if (total == before)
				return total;
			continue;
		}
		total += (size_t)n;
	}
}

static size_t empty(struct fixture *f)
{
	char buffer[65536];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(f->out, buffer, sizeof(buffer));

		if (n > 0) {
			total += (size_t)n;
			continue;
		}
		turn(f);
		n = read(f->out, buffer, sizeof(buffer));
		if (n <= 0)
			return total;
		total += (size_t)n;
	}
}

static void what_goes_in_comes_out(void **state)
{
	struct fixture *f = *state;
	char text[16] = "";

	assert_int_equal(write(f->in, "hello", 5), 5);
	turn(f);
	assert_int_equal(read(f->out, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
}

static void a_receiver_that_does_not_read_stops_the_sender(void **state)
{
	struct fixture *f = *state;
	size_t taken = fill(f);

	/* Two kernel buffers and one piece in between. */
	assert_true(taken < 1 << 20);
	assert_int_equal(empty(f), taken);
}

static void the_end_comes_behind_the_last_byte(void **state)
{
	struct fixture *f = *state;
	size_t taken = fill(f);
	char byte;

	close(f->in);
	f->in = -1;
	turn(f);
	assert_int_equal(empty(f), taken);
	assert_int_equal(read(f->out, &byte, 1), 0);
}

static void a_receiver_that_goes_breaks_the_senders_pipe(void **state)
{
	struct fixture *f = *state;

	close(f->out);
	f->out = -1;
	turn(f);
	assert_int_equal(write(f->in, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
}

static void it_is_drained_when_what_was_there_has_gone_over(void **state)
{
	struct fixture *f = *state;
	size_t taken = fill(f);

	relay_drain(f->relay, on_drained, f);
	turn(f);
	assert_int_equal(f->drained, 0);
	assert_int_equal(empty(f), taken);
	assert_int_equal(f->drained, 1);
	/* It goes on all the same. */
	assert_int_equal(write(f->in, "x", 1), 1);
	assert_int_equal(empty(f), 1);
	assert_int_equal(f->drained, 1);
}

static void an_idle_one_is_drained_at_once(void **state)
{
	struct fixture *f = *state;

	relay_drain(f->relay, on_drained, f);
	assert_int_equal(f->drained, 1);
}

static void one_whose_receiver_goes_is_drained_too(void **state)
{
	struct fixture *f = *state;

	assert_true(fill(f) > 0);
	relay_drain(f->relay, on_drained, f);
	close(f->out);
	f->out = -1;
	turn(f);
	assert_int_equal(f->drained, 1);
}

#define RELAY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY(what_goes_in_comes_out),
		RELAY(a_receiver_that_does_not_read_stops_the_sender),
		RELAY(the_end_comes_behind_the_last_byte),
		RELAY(a_receiver_that_goes_breaks_the_senders_pipe),
		RELAY(it_is_drained_when_what_was_there_has_gone_over),
		RELAY(an_idle_one_is_drained_at_once),
		RELAY(one_whose_receiver_goes_is_drained_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
