/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a shim hands over, claimed by token. */
#include "tests/unit/test.h"

#include <errno.h>
#include <dirent.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "vmm/descriptors.h"

struct fixture {
	struct loop *loop;
	struct descriptors descriptors;
	int shim_fd;
	unsigned n_fds; /* open when it began */
};

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int set_up(void **state)
{
	static struct fixture f;
	struct err err = ERR_INIT;
	int pair[2];

	*state = &f;
	f.n_fds = count_fds();
	if (loop_new(&f.loop, &err) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	f.shim_fd = pair[0];
	return descriptors_init(&f.descriptors, f.loop, pair[1], &err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	descriptors_fini(&f->descriptors);
	cleanup_fd(&f->shim_fd);
	loop_free(f->loop);
	return count_fds() == f->n_fds ? 0 : -1;
}

/* Sends an eventfd that counts value. */
static void hand_over(struct fixture *f, uint64_t token, unsigned value)
{
	struct descriptor_lane_message message = { .token = token };
	int fd = eventfd(value, EFD_CLOEXEC);

	assert_int_equal(fd_send(f->shim_fd, &message, sizeof(message), &fd, 1), 0);
	close(fd);
}

static void assert_claims(struct fixture *f, uint64_t token, unsigned value)
{
	int fd = descriptors_claim(&f->descriptors, token);
	uint64_t got = 0;

	assert_true(fd >= 0);
	assert_int_equal(eventfd_read(fd, &got), 0);
	assert_int_equal(got, value);
	close(fd);
}

static void assert_unknown(struct fixture *f, uint64_t token)
{
	assert_int_equal(descriptors_claim(&f->descriptors, token), -ENOENT);
}

static void a_descriptor_is_claimed_once_by_its_token(void **state)
{
	struct fixture *f = *state;

	hand_over(f, UINT64_MAX, 3);
	hand_over(f, 0, 4);
	assert_claims(f, 0, 4);
	assert_claims(f, UINT64_MAX, 3);
	assert_unknown(f, 0);
	assert_unknown(f, 1);
}

static void one_that_the_loop_took_is_found_as_well(void **state)
{
	struct fixture *f = *state;

	hand_over(f, 1, 1);
	assert_int_equal(loop_step(f->loop, 0), 0);
	hand_over(f, 2, 2);
	assert_claims(f, 2, 2);
	assert_claims(f, 1, 1);
}

static void the_first_of_one_token_counts(void **state)
{
	struct fixture *f = *state;

	hand_over(f, 1, 1);
	hand_over(f, 1, 2);
	assert_claims(f, 1, 1);
	assert_unknown(f, 1);
}

static void the_oldest_gives_way_when_too_many_wait(void **state)
{
	struct fixture *f = *state;
	unsigned before;

	for (unsigned i = 0; i < DESCRIPTOR_LANE_WAITING_MAX; i++) {
		hand_over(f, i, i + 1);
		assert_int_equal(loop_step(f->loop, 0), 0);
	}
	before = count_fds();
	for (unsigned i = 0; i < 20; i++) {
		hand_over(f, 1000 + i, 1);
		assert_int_equal(loop_step(f->loop, 0), 0);
	}
	assert_int_equal(count_fds(), before);
	assert_unknown(f, 0);
	assert_unknown(f, 1003);
	assert_claims(f, 1004, 1);
	assert_claims(f, 1019, 1);
}

static void malformed_packets_are_dropped(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[64] = { 0 };
	int fds[3] = { f->shim_fd, f->shim_fd, f->shim_fd };

	assert_int_equal(fd_send(f->shim_fd, bytes, 7, fds, 1), 0);
	assert_int_equal(fd_send(f->shim_fd, bytes, 9, fds, 1), 0);
	assert_int_equal(fd_send(f->shim_fd, bytes, 64, fds, 3), 0);
	assert_int_equal(fd_send(f->shim_fd, bytes, 8, fds, 0), 0);
	assert_int_equal(fd_send(f->shim_fd, bytes, 8, fds, 2), 0);
	hand_over(f, 5, 5);
	assert_unknown(f, 0);
	assert_claims(f, 5, 5);
}

static void what_was_sent_before_the_shim_left_can_be_claimed(void **state)
{
	struct fixture *f = *state;

	hand_over(f, 1, 9);
	close(f->shim_fd);
	f->shim_fd = -1;
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(loop_step(f->loop, 0), 0);
	assert_claims(f, 1, 9);
	assert_unknown(f, 2);
}

static void without_a_lane_nothing_waits(void **state)
{
	struct descriptors none = { 0 };

	(void)state;
	assert_int_equal(descriptors_claim(&none, 0), -ENOENT);
	descriptors_fini(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_descriptor_is_claimed_once_by_its_token),
		TEST(one_that_the_loop_took_is_found_as_well),
		TEST(the_first_of_one_token_counts),
		TEST(the_oldest_gives_way_when_too_many_wait),
		TEST(malformed_packets_are_dropped),
		TEST(what_was_sent_before_the_shim_left_can_be_claimed),
		TEST(without_a_lane_nothing_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
