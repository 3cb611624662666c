/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says before it ends, and what it says instead. */
#include "shim/sandbox/last-words.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "proto/vsock-link.h"
#include "tests/unit/test.h"

struct fixture {
	struct loop *loop;
	struct vsock_link *link;
	struct last_words *words;
	int vmm_fd; /* the VMM's end */
};

static void set_up(struct fixture *f)
{
	int pair[2];

	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	f->vmm_fd = pair[1];
	assert_int_equal(vsock_link_new(f->loop, pair[0], &f->link, NULL), 0);
	assert_int_equal(last_words_new(f->loop, f->link, &f->words, NULL), 0);
	assert_string_equal(last_words_text(f->words), "");
}

static void tear_down(struct fixture *f)
{
	last_words_free(f->words);
	vsock_link_free(f->link);
	close(f->vmm_fd);
	loop_free(f->loop);
}

/* The guest connects; its end of the stream. */
static int connect_from_guest(struct fixture *f)
{
	struct vsock_link_message message = { .port = VSOCK_PORT_LAST_WORDS };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_send(f->vmm_fd, &message, sizeof(message), &pair[1], 1), 0);
	close(pair[1]);
	assert_int_equal(loop_step(f->loop, 1000), 0);
	return pair[0];
}

/* All of it, as the agent does: until the host has closed. */
static void say(struct fixture *f, const char *text, size_t len)
{
	int fd = connect_from_guest(f);
	char end;

	/* A host that has heard enough hangs up. */
	(void)!send(fd, text, len, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	for (int i = 0; i < 10 && recv(fd, &end, 1, MSG_DONTWAIT | MSG_PEEK) < 0; i++)
		assert_int_equal(loop_step(f->loop, 100), 0);
	close(fd);
}

static void what_an_agent_says_is_kept_and_the_last_of_it_counts(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	say(&f, "cannot mount", 12);
	assert_string_equal(last_words_text(f.words), "cannot mount");
	say(&f, "something else", 14);
	assert_string_equal(last_words_text(f.words), "something else");
	/* Nothing is no explanation. */
	say(&f, "", 0);
	assert_string_equal(last_words_text(f.words), "something else");
	tear_down(&f);
}

static void it_is_one_line_of_bounded_length_that_commands_no_terminal(void **state)
{
	char large[70000];
	struct fixture f;

	(void)state;
	set_up(&f);
	say(&f, "a\nkata-like: all is well\033[2J\0b", 30);
	assert_string_equal(last_words_text(f.words), "a kata-like: all is well\\x1b[2J\\x00b");
	memset(large, 'x', sizeof(large));
	say(&f, large, sizeof(large));
	assert_in_range(strlen(last_words_text(f.words)), 400, 512);
	memset(large, '\033', sizeof(large));
	say(&f, large, sizeof(large));
	assert_in_range(strlen(last_words_text(f.words)), 400, 512);
	tear_down(&f);
}

static void one_that_never_ends_holds_nobody_up(void **state)
{
	struct fixture f;
	int fd;

	(void)state;
	set_up(&f);
	fd = connect_from_guest(&f);
	assert_int_equal(send(fd, "half", 4, MSG_NOSIGNAL), 4);
	assert_int_equal(loop_step(f.loop, 1000), 0);
	assert_string_equal(last_words_text(f.words), "");
	tear_down(&f);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_agent_says_is_kept_and_the_last_of_it_counts),
		cmocka_unit_test(it_is_one_line_of_bounded_length_that_commands_no_terminal),
		cmocka_unit_test(one_that_never_ends_holds_nobody_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
