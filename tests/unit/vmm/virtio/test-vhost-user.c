/* SPDX-License-Identifier: Apache-2.0 */
/* The vhost-user frontend, against backends that do their part and backends that do not. */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "tests/unit/vmm/virtio/fake-backend.h"
#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/vhost-user.h"

#define SLACK_MS 20000 /* for a loaded machine */
#define FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX)

struct fixture {
	struct guestmem mem;
	struct fake_backend backend;
	struct vhost_user frontend;
	struct vhost_user_queue queues[2];
};

static struct fixture fixture;

static int set_up(void **state)
{
	struct fixture *f = &fixture;
	struct err err = ERR_INIT;

	memset(f, 0, sizeof(*f));
	*state = f;
	if (guestmem_init_shared(&f->mem, 2 * FAKE_HOLE_START, FAKE_HOLE_START, FAKE_HOLE_END,
				 &err) < 0)
		return -1;
	for (uint32_t i = 0; i < ARRAY_SIZE(f->queues); i++)
		f->queues[i] = (struct vhost_user_queue){ .index = i,
							  .size = 128,
							  .desc = FAKE_HOLE_END + 0x10000 * i,
							  .avail = 0x1000 + 0x10000 * i,
							  .used = 0x2000 + 0x10000 * i,
							  .kick_fd = eventfd(0, EFD_CLOEXEC),
							  .call_fd = eventfd(0, EFD_CLOEXEC) };
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(f->queues); i++) {
		close(f->queues[i].kick_fd);
		close(f->queues[i].call_fd);
	}
	guestmem_fini(&f->mem);
	return 0;
}

static int connect_backend(struct fixture *f, uint32_t trick_request, enum fake_trick trick)
{
	int fd = fake_backend_start(&f->backend, trick_request, trick);
	struct err err = ERR_INIT;

	return vhost_user_init(&f->frontend, fd, fake_backend_limit_ms(trick), &err);
}

static int start(struct fixture *f)
{
	return vhost_user_start(&f->frontend, &f->mem, FEATURES, f->queues, 2);
}

static int stop(struct fixture *f)
{
	return vhost_user_stop(&f->frontend, f->queues, 2);
}

static void end(struct fixture *f)
{
	vhost_user_fini(&f->frontend);
	fake_backend_stop(&f->backend);
}

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

static void it_negotiates_before_anything_else(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_true(f->frontend.features ==
		    (FAKE_BACKEND_FEATURES & ~VHOST_USER_F_PROTOCOL_FEATURES));
	assert_int_equal(start(f), 0);
	assert_true(f->backend.accepted_protocol_features == VHOST_USER_PROTOCOL_F_REPLY_ACK);
	assert_true(f->backend.accepted_features == (FEATURES | VHOST_USER_F_PROTOCOL_FEATURES));
	end(f);
}

static void the_backend_is_told_where_memory_is(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_memory *memory = &f->backend.memory;
	char text[6];

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_int_equal(start(f), 0);
	assert_int_equal(memory->n_regions, 2);
	assert_true(memory->regions[0].gpa == 0 &&
		    memory->regions[0].size_bytes == FAKE_HOLE_START);
	assert_true(memory->regions[1].gpa == FAKE_HOLE_END &&
		    memory->regions[1].size_bytes == FAKE_HOLE_START);
	assert_true(guestmem_write(&f->mem, 0x5000, "below", 6));
	assert_true(guestmem_write(&f->mem, FAKE_HOLE_END + 0x5000, "above", 6));
	assert_int_equal(pread(f->backend.memory_fds[0], text, 6,
			       (off_t)memory->regions[0].fd_offset + 0x5000),
			 6);
	assert_string_equal(text, "below");
	assert_int_equal(pread(f->backend.memory_fds[1], text, 6,
			       (off_t)memory->regions[1].fd_offset + 0x5000),
			 6);
	assert_string_equal(text, "above");
	end(f);
}

/* Addresses of this process are a secret that helps whoever breaks into it. */
static void it_is_not_told_where_memory_is_in_this_process(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_memory *memory = &f->backend.memory;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < memory->n_regions; i++)
		assert_true(memory->regions[i].user_address == memory->regions[i].gpa);
	end(f);
}

static void it_cannot_take_memory_away(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_int_equal(start(f), 0);
	assert_int_equal(ftruncate(f->backend.memory_fds[0], 0), -1);
	assert_int_equal(errno, EPERM);
	end(f);
}

static void the_backend_is_told_about_each_queue(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_int_equal(start(f), 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct fake_backend_queue *queue = &f->backend.queues[i];
		uint64_t value = 0;

		assert_int_equal(queue->size, 128);
		assert_int_equal(queue->base, 0);
		assert_true(queue->address.desc == f->queues[i].desc &&
			    queue->address.avail == f->queues[i].avail &&
			    queue->address.used == f->queues[i].used);
		assert_int_equal(queue->address.flags, 0);
		assert_true(queue->enabled);
		assert_int_equal(eventfd_write(f->queues[i].kick_fd, 5), 0);
		assert_int_equal(eventfd_read(queue->kick_fd, &value), 0);
		assert_int_equal(value, 5);
		assert_int_equal(eventfd_write(queue->call_fd, 7), 0);
		assert_int_equal(eventfd_read(f->queues[i].call_fd, &value), 0);
		assert_int_equal(value, 7);
	}
	end(f);
}

static void queues_stop_and_start_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(start(f), 0);
		assert_true(f->backend.queues[1].enabled);
		assert_int_equal(stop(f), 0);
		assert_false(f->backend.queues[0].enabled || f->backend.queues[1].enabled);
		assert_int_equal(f->backend.queues[1].n_stopped, i);
	}
	assert_true(vhost_user_is_alive(&f->frontend));
	end(f);
}

static void a_backend_that_lacks_what_is_needed_is_refused(void **state)
{
	static const struct {
		uint64_t features, protocol_features;
	} lacking[] = {
		{ FAKE_BACKEND_FEATURES & ~VIRTIO_F_VERSION_1, VHOST_USER_PROTOCOL_F_REPLY_ACK },
		{ FAKE_BACKEND_FEATURES & ~VHOST_USER_F_PROTOCOL_FEATURES,
		  VHOST_USER_PROTOCOL_F_REPLY_ACK },
		{ FAKE_BACKEND_FEATURES, ~VHOST_USER_PROTOCOL_F_REPLY_ACK },
		{ 0, 0 },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(lacking); i++) {
		int fd = fake_backend_start(&f->backend, 0, TRICK_NONE);
		struct err err = ERR_INIT;

		f->backend.features = lacking[i].features;
		f->backend.protocol_features = lacking[i].protocol_features;
		assert_int_equal(
			vhost_user_init(&f->frontend, fd, fake_backend_limit_ms(TRICK_NONE), &err),
			-EPROTO);
		assert_non_null(strstr(err_text(&err), "REPLY_ACK"));
		end(f);
	}
}

/* Whether the trick is one for that request: some make sense for a few only. */
static bool is_possible(uint32_t request, enum fake_trick trick)
{
	bool acknowledged = request != VHOST_USER_GET_FEATURES &&
			    request != VHOST_USER_GET_PROTOCOL_FEATURES &&
			    request != VHOST_USER_GET_VRING_BASE;

	if (trick == TRICK_REFUSE)
		return acknowledged;
	if (trick == TRICK_OTHER_QUEUE)
		return request == VHOST_USER_GET_VRING_BASE;
	return true;
}

/* Plays the trick: nothing before the request fails, and the request and all behind it do. */
static void play(struct fixture *f, uint32_t request, enum fake_trick trick)
{
	bool early =
		request == VHOST_USER_GET_FEATURES || request == VHOST_USER_GET_PROTOCOL_FEATURES;
	bool late = request == VHOST_USER_GET_VRING_BASE;
	int64_t begin_ms = clock_monotonic_ms();

	if (connect_backend(f, request, trick) < 0) {
		assert_true(early);
	} else {
		assert_false(early);
		assert_int_equal(start(f), late ? 0 : VHOST_USER_E_BROKEN);
		assert_int_equal(stop(f), VHOST_USER_E_BROKEN);
		assert_non_null(f->frontend.broken);
		assert_false(vhost_user_is_alive(&f->frontend));
		assert_int_equal(start(f), VHOST_USER_E_BROKEN);
	}
	assert_true(clock_monotonic_ms() - begin_ms < fake_backend_limit_ms(trick) + SLACK_MS);
	end(f);
}

static void no_reply_however_wrong_does_harm(void **state)
{
	static const uint32_t requests[] = {
		VHOST_USER_GET_FEATURES,   VHOST_USER_GET_PROTOCOL_FEATURES,
		VHOST_USER_SET_FEATURES,   VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_SET_VRING_NUM,  VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL,
		VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_GET_VRING_BASE,
	};
	struct fixture *f = *state;
	unsigned before = count_fds();

	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
		for (unsigned trick = TRICK_SILENCE; trick < N_TRICKS; trick++)
			if (is_possible(requests[i], (enum fake_trick)trick))
				play(f, requests[i], (enum fake_trick)trick);
	assert_int_equal(count_fds(), before);
}

static void one_time_limit_covers_a_whole_call(void **state)
{
	struct fixture *f = *state;
	int64_t begin_ms;

	/* 16 bytes and more at 20 ms each are more than the limit for each of the messages. */
	assert_int_equal(connect_backend(f, VHOST_USER_SET_VRING_NUM, TRICK_TRICKLE), 0);
	begin_ms = clock_monotonic_ms();
	assert_int_equal(start(f), VHOST_USER_E_BROKEN);
	assert_true(clock_monotonic_ms() - begin_ms >= FAKE_BACKEND_LIMIT_MS);
	assert_true(clock_monotonic_ms() - begin_ms < FAKE_BACKEND_LIMIT_MS + SLACK_MS);
	assert_string_equal(f->frontend.broken, "no answer in time");
	end(f);
}

static void nothing_is_said_to_a_broken_backend(void **state)
{
	struct fixture *f = *state;
	unsigned n;

	assert_int_equal(connect_backend(f, VHOST_USER_SET_FEATURES, TRICK_REFUSE), 0);
	assert_int_equal(start(f), VHOST_USER_E_BROKEN);
	n = f->backend.n_messages;
	assert_int_equal(start(f), VHOST_USER_E_BROKEN);
	assert_int_equal(stop(f), VHOST_USER_E_BROKEN);
	fake_backend_kill(&f->backend);
	assert_int_equal(f->backend.n_messages, n);
	end(f);
}

static void the_backends_end_is_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_true(vhost_user_is_alive(&f->frontend));
	fake_backend_kill(&f->backend);
	assert_false(vhost_user_is_alive(&f->frontend));
	assert_string_equal(f->frontend.broken, "it closed the socket");
	end(f);
}

static void a_message_that_nobody_asked_for_ends_the_connection(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(connect_backend(f, 0, TRICK_NONE), 0);
	assert_int_equal(send(f->backend.fd, "x", 1, MSG_NOSIGNAL), 1);
	assert_false(vhost_user_is_alive(&f->frontend));
	assert_int_equal(start(f), VHOST_USER_E_BROKEN);
	end(f);
}

/* More than fits the socket: nobody reads. */
static void a_backend_that_reads_nothing_is_given_up(void **state)
{
	struct fixture *f = *state;
	int pair[2], small = 4096;
	struct err err = ERR_INIT;
	int64_t begin_ms = clock_monotonic_ms();
	char filling[4096] = "";

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (send(pair[0], filling, sizeof(filling), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(vhost_user_init(&f->frontend, pair[0], FAKE_BACKEND_LIMIT_MS, &err),
			 -EPROTO);
	assert_true(clock_monotonic_ms() - begin_ms < FAKE_BACKEND_LIMIT_MS + SLACK_MS);
	close(pair[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_negotiates_before_anything_else),
		TEST(the_backend_is_told_where_memory_is),
		TEST(it_is_not_told_where_memory_is_in_this_process),
		TEST(it_cannot_take_memory_away),
		TEST(the_backend_is_told_about_each_queue),
		TEST(queues_stop_and_start_again),
		TEST(a_backend_that_lacks_what_is_needed_is_refused),
		TEST(no_reply_however_wrong_does_harm),
		TEST(one_time_limit_covers_a_whole_call),
		TEST(nothing_is_said_to_a_broken_backend),
		TEST(the_backends_end_is_seen),
		TEST(a_message_that_nobody_asked_for_ends_the_connection),
		TEST(a_backend_that_reads_nothing_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
