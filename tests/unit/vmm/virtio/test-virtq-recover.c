/* SPDX-License-Identifier: Apache-2.0 */
/* What another process left in a queue's rings when it went away. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/vmm/virtio/fake-driver.h"

#define SIZE 16

struct fixture {
	struct guestmem mem;
	struct fake_ring ring;
	struct virtq vq;
	/* What the gone process did. */
	uint16_t used_idx;
	bool in_flight[SIZE];
};

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	*state = &f;
	fake_mem_init(&f.mem);
	virtq_init(&f.vq, &f.mem);
	(void)fake_ring_init(&f.ring, &f.mem, SIZE, 0x1000);
	fake_ring_enable(&f.ring, &f.vq, true);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	guestmem_fini(&f->mem);
	return 0;
}

static void publish(struct fixture *f, uint16_t head)
{
	fake_ring_set_desc(&f->ring, head, 0x10000 + 64ull * head, 64, FAKE_DESC_F_WRITE, 0);
	fake_ring_publish(&f->ring, head);
	f->in_flight[head] = true;
}

static void complete(struct fixture *f, uint16_t head)
{
	uint32_t entry[2] = { head, 0 };

	assert_true(guestmem_write(&f->mem, f->ring.used + 4 + 8 * (gpa_t)(f->used_idx % SIZE),
				   entry, sizeof(entry)));
	f->used_idx++;
	assert_true(guestmem_write(&f->mem, f->ring.used + 2, &f->used_idx, sizeof(f->used_idx)));
	f->in_flight[head] = false;
}

/* Recovers, and finds what is in flight and nothing else. */
static void assert_recovers(struct fixture *f)
{
	uint16_t heads[VIRTQ_SIZE_MAX];
	unsigned n = 0, want = 0;
	struct virtq_chain chain;

	for (unsigned head = 0; head < SIZE; head++)
		want += f->in_flight[head];
	assert_int_equal(virtq_recover(&f->vq, heads, &n), 0);
	assert_int_equal(n, want);
	for (unsigned i = 0; i < n; i++) {
		assert_true(f->in_flight[heads[i]]);
		assert_int_equal(virtq_take(&f->vq, heads[i], &chain), 0);
		assert_int_equal(chain.in_bytes, 64);
		assert_int_equal(virtq_push(&f->vq, heads[i], 0), 0);
		f->in_flight[heads[i]] = false;
	}
	assert_int_equal(virtq_pop(&f->vq, &chain), VIRTQ_E_EMPTY);
}

static void an_unused_queue_has_lost_nothing(void **state)
{
	assert_recovers(*state);
}

static void all_that_was_taken_may_be_lost(void **state)
{
	struct fixture *f = *state;

	for (uint16_t head = 0; head < SIZE; head++)
		publish(f, head);
	assert_recovers(f);
}

static void what_came_back_in_another_order_is_not_lost(void **state)
{
	struct fixture *f = *state;

	for (uint16_t head = 0; head < 6; head++)
		publish(f, head);
	complete(f, 5);
	complete(f, 0);
	complete(f, 3);
	publish(f, 5);
	publish(f, 3);
	complete(f, 3);
	assert_recovers(f);
}

static void the_queue_goes_on_behind_what_was_lost(void **state)
{
	struct fixture *f = *state;
	struct virtq_chain chain;
	uint32_t head = 0;

	publish(f, 4);
	publish(f, 2);
	complete(f, 4);
	assert_recovers(f);
	publish(f, 9);
	assert_int_equal(virtq_pop(&f->vq, &chain), 0);
	assert_int_equal(chain.head, 9);
	assert_int_equal(virtq_push(&f->vq, 9, 0), 0);
	assert_true(fake_ring_take_used(&f->ring, &head, NULL));
	assert_int_equal(head, 4);
	assert_true(fake_ring_take_used(&f->ring, &head, NULL));
	assert_int_equal(head, 2);
	assert_true(fake_ring_take_used(&f->ring, &head, NULL));
	assert_int_equal(head, 9);
}

/* A process that takes what there is and gives back in batches, each in any order, for ever so
 * long. */
static void a_long_history_is_told_apart(void **state)
{
	struct fixture *f = *state;
	unsigned seed = 1;

	for (unsigned round = 0; round < 20000; round++) {
		unsigned n = 1 + (unsigned)rand_r(&seed) % 7;

		for (unsigned i = 0; i < n; i++) {
			uint16_t head = (uint16_t)((unsigned)rand_r(&seed) % SIZE);

			if (!f->in_flight[head])
				publish(f, head);
		}
		/* All but the last round's come back. */
		for (unsigned left = SIZE; round < 19999 && left > 0; left--) {
			uint16_t head = (uint16_t)((unsigned)rand_r(&seed) % SIZE);

			for (unsigned i = 0; i < SIZE && !f->in_flight[head]; i++)
				head = (uint16_t)((head + 1) % SIZE);
			if (f->in_flight[head])
				complete(f, head);
		}
	}
	assert_recovers(f);
}

static void assert_breaks(struct fixture *f)
{
	uint16_t heads[VIRTQ_SIZE_MAX];
	struct virtq_chain chain;
	unsigned n = 0;

	assert_int_equal(virtq_recover(&f->vq, heads, &n), VIRTQ_E_BROKEN);
	assert_non_null(f->vq.broken);
	assert_int_equal(n, 0);
	assert_int_equal(virtq_pop(&f->vq, &chain), VIRTQ_E_BROKEN);
}

static void a_used_index_ahead_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	complete(f, 1);
	complete(f, 1);
	assert_breaks(f);
}

static void a_head_available_twice_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	publish(f, 1);
	publish(f, 1);
	assert_breaks(f);
}

static void a_head_beyond_the_queue_breaks_it(void **state)
{
	struct fixture *f = *state;

	fake_ring_publish(&f->ring, 0xffff);
	assert_breaks(f);
}

static void garbage_in_the_used_ring_does_no_harm(void **state)
{
	struct fixture *f = *state;
	uint32_t garbage[2 * SIZE];
	uint16_t heads[VIRTQ_SIZE_MAX];
	unsigned n = 0;

	publish(f, 1);
	publish(f, 2);
	complete(f, 2);
	memset(garbage, 0xff, sizeof(garbage));
	assert_true(guestmem_write(&f->mem, f->ring.used + 4, garbage, sizeof(garbage)));
	/* Only the number is known then; the last one is as good a guess as any. */
	assert_int_equal(virtq_recover(&f->vq, heads, &n), 0);
	assert_int_equal(n, 1);
	assert_true(heads[0] < SIZE);
}

static void a_head_that_is_taken_cannot_be_taken_again(void **state)
{
	struct fixture *f = *state;
	struct virtq_chain chain;
	uint16_t heads[VIRTQ_SIZE_MAX];
	unsigned n = 0;

	publish(f, 3);
	assert_int_equal(virtq_recover(&f->vq, heads, &n), 0);
	assert_int_equal(virtq_take(&f->vq, 3, &chain), 0);
	assert_int_equal(virtq_take(&f->vq, 3, &chain), VIRTQ_E_BROKEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unused_queue_has_lost_nothing),
		TEST(all_that_was_taken_may_be_lost),
		TEST(what_came_back_in_another_order_is_not_lost),
		TEST(the_queue_goes_on_behind_what_was_lost),
		TEST(a_long_history_is_told_apart),
		TEST(a_used_index_ahead_breaks_the_queue),
		TEST(a_head_available_twice_breaks_the_queue),
		TEST(a_head_beyond_the_queue_breaks_it),
		TEST(garbage_in_the_used_ring_does_no_harm),
		TEST(a_head_that_is_taken_cannot_be_taken_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
