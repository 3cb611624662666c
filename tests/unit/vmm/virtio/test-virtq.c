/* SPDX-License-Identifier: Apache-2.0 */
/* The virtqueue against drivers that keep its rules and drivers that do not. */
#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/vmm/virtio/fake-driver.h"

#define SIZE 16
#define RING 0x1000ull
#define DATA 0x10000ull /* where buffers are */

struct fixture {
	struct guestmem mem;
	struct fake_ring ring;
	struct virtq vq;
	struct virtq_chain chain;
};

static struct fixture fixture;

static int set_up_with(bool event_idx)
{
	memset(&fixture, 0, sizeof(fixture));
	fake_mem_init(&fixture.mem);
	fake_ring_init(&fixture.ring, &fixture.mem, SIZE, RING);
	virtq_init(&fixture.vq, &fixture.mem);
	fake_ring_enable(&fixture.ring, &fixture.vq, event_idx);
	return 0;
}

static int set_up(void **state)
{
	*state = &fixture;
	return set_up_with(true);
}

static int set_up_without_event_idx(void **state)
{
	*state = &fixture;
	return set_up_with(false);
}

static int tear_down(void **state)
{
	(void)state;
	guestmem_fini(&fixture.mem);
	return 0;
}

/* The queue breaks, and for this reason, not for a later one that luck provides. */
static void assert_breaks(struct fixture *f, const char *why)
{
	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_BROKEN);
	assert_non_null(f->vq.broken);
	assert_string_equal(f->vq.broken, why);
	/* It stays so, whatever the driver does next. */
	fake_ring_set_desc(&f->ring, 0, DATA, 16, 0, 0);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_BROKEN);
}

static void publish_desc(struct fixture *f, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	fake_ring_set_desc(&f->ring, 0, addr, len, flags, next);
	fake_ring_publish(&f->ring, 0);
}

static uint16_t add_one(struct fixture *f)
{
	const struct fake_buffer buffer = { DATA, 64, true };

	return fake_ring_add(&f->ring, &buffer, 1);
}

static void an_empty_queue_has_no_chain(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_EMPTY);
	assert_null(f->vq.broken);
}

static void a_chain_comes_out_as_readable_then_writable_buffers(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer buffers[] = { { DATA, 16, false },
					       { DATA + 64, 8, false },
					       { DATA + 128, 100, true } };
	uint16_t head = fake_ring_add(&f->ring, buffers, 3);
	char text[12] = "";

	assert_true(guestmem_write(&f->mem, DATA + 12, "abcd", 4));
	assert_true(guestmem_write(&f->mem, DATA + 64, "efgh", 4));
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(f->chain.head, head);
	assert_int_equal(f->chain.n_out, 2);
	assert_int_equal(f->chain.n_in, 1);
	assert_int_equal(f->chain.out_bytes, 24);
	assert_int_equal(f->chain.in_bytes, 100);
	/* Across the border of two buffers. */
	assert_true(virtq_chain_read(&f->chain, 12, text, 8));
	assert_string_equal(text, "abcdefgh");
	assert_false(virtq_chain_read(&f->chain, 17, text, 8));
	assert_false(virtq_chain_read(&f->chain, UINT32_MAX, text, 8));
	assert_true(virtq_chain_write(&f->chain, 96, "wxyz", 4));
	assert_true(guestmem_read(&f->mem, DATA + 128 + 96, text, 4));
	assert_memory_equal(text, "wxyz", 4);
	assert_false(virtq_chain_write(&f->chain, 97, "wxyz", 4));
}

static void used_entries_carry_head_and_length_in_any_order(void **state)
{
	struct fixture *f = *state;
	uint16_t heads[3];
	uint32_t head, len;

	for (int i = 0; i < 3; i++) {
		heads[i] = add_one(f);
		assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	}
	assert_false(fake_ring_take_used(&f->ring, &head, &len));
	for (unsigned i = 3; i > 0; i--)
		assert_int_equal(virtq_push(&f->vq, heads[i - 1], i), 0);
	for (unsigned i = 3; i > 0; i--) {
		assert_true(fake_ring_take_used(&f->ring, &head, &len));
		assert_int_equal(head, heads[i - 1]);
		assert_int_equal(len, i);
	}
}

static void indexes_wrap_after_65536_chains(void **state)
{
	struct fixture *f = *state;
	uint32_t head;

	for (unsigned i = 0; i < 70000; i++) {
		uint16_t added = add_one(f);

		assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
		assert_int_equal(virtq_push(&f->vq, added, 0), 0);
		assert_true(fake_ring_take_used(&f->ring, &head, NULL));
		assert_int_equal(head, added);
	}
}

static void an_indirect_table_gives_its_buffers(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer buffers[] = { { DATA, 16, false }, { DATA + 64, 8, true } };
	/* The table needs no alignment. */
	uint16_t head = fake_ring_add_indirect(&f->ring, 0x8003, buffers, 2);

	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(f->chain.head, head);
	assert_int_equal(f->chain.out_bytes, 16);
	assert_int_equal(f->chain.in_bytes, 8);
	assert_ptr_equal(f->chain.iov[1].iov_base, guestmem_at(&f->mem, DATA + 64, 8));
}

static void direct_buffers_may_stand_before_an_indirect_table(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer buffer = { DATA + 64, 8, true };

	fake_ring_add_indirect(&f->ring, 0x8000, &buffer, 1);
	fake_ring_set_desc(&f->ring, 5, DATA, 16, FAKE_DESC_F_NEXT, 0);
	f->ring.avail_idx = 0;
	fake_ring_publish(&f->ring, 5);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(f->chain.head, 5);
	assert_int_equal(f->chain.n_out, 1);
	assert_int_equal(f->chain.n_in, 1);
}

static void a_chain_may_have_exactly_as_many_buffers_as_allowed(void **state)
{
	struct fixture *f = *state;
	struct fake_buffer buffers[VIRTQ_CHAIN_MAX + 1];

	for (unsigned i = 0; i < ARRAY_SIZE(buffers); i++)
		buffers[i] = (struct fake_buffer){ DATA + 16 * i, 16, i > 3 };
	fake_ring_add_indirect(&f->ring, 0x8000, buffers, VIRTQ_CHAIN_MAX);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(f->chain.n_out + f->chain.n_in, VIRTQ_CHAIN_MAX);
	fake_ring_add_indirect(&f->ring, 0x8000, buffers, VIRTQ_CHAIN_MAX + 1);
	assert_breaks(f, "a chain with too many buffers");
}

static void a_chain_that_loops_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	fake_ring_set_desc(&f->ring, 1, DATA, 16, FAKE_DESC_F_NEXT, 0);
	publish_desc(f, DATA, 16, FAKE_DESC_F_NEXT, 1);
	assert_breaks(f, "a chain that loops");
}

static void a_descriptor_that_is_its_own_next_breaks_the_queue(void **state)
{
	publish_desc(*state, DATA, 16, FAKE_DESC_F_NEXT, 0);
	assert_breaks(*state, "a chain that loops");
}

static void an_indirect_table_that_loops_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	uint16_t flags = FAKE_DESC_F_NEXT, next = 0;
	const struct fake_buffer buffer = { DATA, 16, false };

	fake_ring_add_indirect(&f->ring, 0x8000, &buffer, 1);
	assert_true(guestmem_write(&f->mem, 0x8000 + 12, &flags, 2));
	assert_true(guestmem_write(&f->mem, 0x8000 + 14, &next, 2));
	assert_breaks(f, "a chain that loops");
}

static void a_next_beyond_the_table_breaks_the_queue(void **state)
{
	publish_desc(*state, DATA, 16, FAKE_DESC_F_NEXT, SIZE);
	assert_breaks(*state, "a next descriptor beyond the table");
}

static void a_next_beyond_the_indirect_table_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	/* The last entry says that there is one more: the entry behind the table. */
	const struct fake_buffer buffers[] = { { DATA, 16, false }, { DATA, 16, false } };

	fake_ring_add_indirect(&f->ring, 0x8000, buffers, 2);
	fake_ring_set_desc(&f->ring, 0, 0x8000, 16, FAKE_DESC_F_INDIRECT, 0);
	assert_breaks(f, "a next descriptor beyond the table");
}

static void a_head_beyond_the_queue_breaks_it(void **state)
{
	struct fixture *f = *state;

	fake_ring_publish(&f->ring, SIZE);
	assert_breaks(f, "a head beyond the queue");
}

static void a_head_in_flight_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	uint16_t head = add_one(f);

	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	fake_ring_publish(&f->ring, head);
	assert_breaks(f, "a head that is in flight already");
	/* Nothing is given back to a queue that broke. */
	assert_int_equal(virtq_push(&f->vq, head, 0), VIRTQ_E_BROKEN);
	assert_false(fake_ring_take_used(&f->ring, NULL, NULL));
}

static void a_head_may_come_again_once_it_was_pushed(void **state)
{
	struct fixture *f = *state;
	uint16_t head = add_one(f);

	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(virtq_push(&f->vq, head, 0), 0);
	fake_ring_publish(&f->ring, head);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
}

static void an_available_index_that_jumps_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	fake_ring_set_avail_idx(&f->ring, SIZE + 1);
	assert_breaks(f, "an available index further ahead than the queue is long");
}

static void an_available_index_that_goes_back_breaks_the_queue(void **state)
{
	struct fixture *f = *state;

	add_one(f);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	fake_ring_set_avail_idx(&f->ring, 0);
	assert_breaks(f, "an available index further ahead than the queue is long");
}

static void an_indirect_table_inside_an_indirect_table_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	uint16_t flags = FAKE_DESC_F_INDIRECT;
	const struct fake_buffer buffer = { DATA, 16, false };

	fake_ring_add_indirect(&f->ring, 0x8000, &buffer, 1);
	assert_true(guestmem_write(&f->mem, 0x8000 + 12, &flags, 2));
	assert_breaks(f, "an indirect table inside an indirect table");
}

static void indirect_together_with_next_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer buffer = { DATA, 16, false };

	fake_ring_add_indirect(&f->ring, 0x8000, &buffer, 1);
	fake_ring_set_desc(&f->ring, 0, 0x8000, 16, FAKE_DESC_F_INDIRECT | FAKE_DESC_F_NEXT, 1);
	fake_ring_set_desc(&f->ring, 1, DATA, 16, 0, 0);
	assert_breaks(f, "a descriptor that is indirect and has a next one");
}

static void an_indirect_table_of_length_0_breaks_the_queue(void **state)
{
	publish_desc(*state, 0x8000, 0, FAKE_DESC_F_INDIRECT, 0);
	assert_breaks(*state, "the length of an indirect table");
}

static void an_indirect_table_of_a_crooked_length_breaks_the_queue(void **state)
{
	publish_desc(*state, 0x8000, 17, FAKE_DESC_F_INDIRECT, 0);
	assert_breaks(*state, "the length of an indirect table");
}

static void an_indirect_table_across_the_end_of_memory_breaks_the_queue(void **state)
{
	publish_desc(*state, FAKE_HOLE_START - 16, 32, FAKE_DESC_F_INDIRECT, 0);
	assert_breaks(*state, "an indirect table outside memory");
}

static void a_buffer_of_length_0_breaks_the_queue(void **state)
{
	publish_desc(*state, DATA, 0, 0, 0);
	assert_breaks(*state, "a buffer of length 0");
}

static void a_buffer_across_the_end_of_memory_breaks_the_queue(void **state)
{
	publish_desc(*state, FAKE_HOLE_START - 1, 2, 0, 0);
	assert_breaks(*state, "a buffer outside memory");
}

static void a_buffer_across_the_hole_breaks_the_queue(void **state)
{
	publish_desc(*state, FAKE_HOLE_START - 1, FAKE_HOLE_END - FAKE_HOLE_START + 2, 0, 0);
	assert_breaks(*state, "a buffer outside memory");
}

static void a_buffer_of_4_gib_breaks_the_queue(void **state)
{
	publish_desc(*state, DATA, UINT32_MAX, FAKE_DESC_F_WRITE, 0);
	assert_breaks(*state, "a buffer outside memory");
}

static void a_buffer_past_64_bits_breaks_the_queue(void **state)
{
	publish_desc(*state, UINT64_MAX - 7, 16, 0, 0);
	assert_breaks(*state, "a buffer outside memory");
}

static void the_last_valid_byte_is_a_buffer(void **state)
{
	struct fixture *f = *state;

	publish_desc(f, FAKE_MEM_END - 1, 1, FAKE_DESC_F_WRITE, 0);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_true(virtq_chain_write(&f->chain, 0, "x", 1));
}

static void a_readable_buffer_behind_a_writable_one_breaks_the_queue(void **state)
{
	struct fixture *f = *state;
	const struct fake_buffer buffers[] = { { DATA, 16, true }, { DATA, 16, false } };

	fake_ring_add(&f->ring, buffers, 2);
	assert_breaks(f, "a readable buffer behind a writable one");
}

/* Enables a queue with one thing wrong; the answer. */
static int enable(struct fixture *f, uint16_t size, gpa_t desc, gpa_t avail, gpa_t used)
{
	int r;

	virtq_reset(&f->vq);
	f->vq.state.size = size;
	f->vq.state.desc = desc;
	f->vq.state.avail = avail;
	f->vq.state.used = used;
	r = virtq_enable(&f->vq);
	assert_int_equal(r == 0, f->vq.broken == NULL);
	assert_int_equal(r == 0, f->vq.state.ready);
	return r;
}

static void queue_sizes_that_are_no_power_of_two_within_bounds_are_refused(void **state)
{
	struct fixture *f = *state;
	const uint16_t sizes[] = { 0, 3, 255, VIRTQ_SIZE_MAX + 1, 2 * VIRTQ_SIZE_MAX, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(enable(f, sizes[i], 0x1000, 0x4000, 0x8000), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 1, 0x1000, 0x4000, 0x8000), 0);
	assert_int_equal(enable(f, VIRTQ_SIZE_MAX, 0x1000, 0x4000, 0x8000), 0);
}

static void rings_that_are_misaligned_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enable(f, 8, 0x1008, 0x4000, 0x8000), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 8, 0x1000, 0x4001, 0x8000), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 8, 0x1000, 0x4000, 0x8002), VIRTQ_E_BROKEN);
}

static void rings_that_leave_memory_are_refused(void **state)
{
	struct fixture *f = *state;
	gpa_t end = FAKE_HOLE_START;

	assert_int_equal(enable(f, 8, end - 16 * 8, 0x4000, 0x8000), 0);
	assert_int_equal(enable(f, 8, end - 16 * 7, 0x4000, 0x8000), VIRTQ_E_BROKEN);
	/* Event index included. */
	assert_int_equal(enable(f, 8, 0x1000, end - 22, 0x8000), 0);
	assert_int_equal(enable(f, 8, 0x1000, end - 20, 0x8000), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 8, 0x1000, 0x4000, end - 72), 0);
	assert_int_equal(enable(f, 8, 0x1000, 0x4000, end - 68), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 8, UINT64_MAX & ~15ull, 0x4000, 0x8000), VIRTQ_E_BROKEN);
	assert_int_equal(enable(f, 8, 0x1000, FAKE_HOLE_START, 0x8000), VIRTQ_E_BROKEN);
}

static void rings_that_overlap_hurt_only_the_guest(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(enable(f, 8, 0x1000, 0x1000, 0x1000), 0);
	for (int i = 0; i < 100; i++) {
		int r = virtq_pop(&f->vq, &f->chain);

		if (r == 0)
			assert_int_equal(virtq_push(&f->vq, f->chain.head, UINT32_MAX), 0);
		(void)!virtq_should_signal(&f->vq);
		(void)virtq_arm(&f->vq, i % 2);
	}
}

static void a_queue_that_is_not_ready_is_empty(void **state)
{
	struct fixture *f = *state;

	add_one(f);
	virtq_reset(&f->vq);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_EMPTY);
	assert_false(virtq_arm(&f->vq, true));
	assert_false(virtq_should_signal(&f->vq));
	assert_int_equal(virtq_push(&f->vq, 0, 0), VIRTQ_E_BROKEN);
}

static void a_reset_mends_a_broken_queue(void **state)
{
	struct fixture *f = *state;

	add_one(f);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	fake_ring_publish(&f->ring, 0);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_BROKEN);
	virtq_reset(&f->vq);
	fake_ring_init(&f->ring, &f->mem, SIZE, RING);
	fake_ring_enable(&f->ring, &f->vq, true);
	add_one(f);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
}

static void a_chain_that_was_put_back_comes_again(void **state)
{
	struct fixture *f = *state;
	uint16_t head = add_one(f);

	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	virtq_unpop(&f->vq, head);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(f->chain.head, head);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), VIRTQ_E_EMPTY);
}

static void pop_and_push(struct fixture *f)
{
	add_one(f);
	assert_int_equal(virtq_pop(&f->vq, &f->chain), 0);
	assert_int_equal(virtq_push(&f->vq, f->chain.head, 0), 0);
}

static void interrupts_come_when_the_used_event_is_passed(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_should_signal(&f->vq));
	fake_ring_set_used_event(&f->ring, 0);
	pop_and_push(f);
	assert_true(virtq_should_signal(&f->vq));
	assert_false(virtq_should_signal(&f->vq)); /* said already */
	pop_and_push(f);
	assert_false(virtq_should_signal(&f->vq)); /* the driver did not move its event on */
	fake_ring_set_used_event(&f->ring, 3);
	pop_and_push(f);
	assert_false(virtq_should_signal(&f->vq));
	pop_and_push(f);
	pop_and_push(f);
	assert_true(virtq_should_signal(&f->vq));
}

static void interrupts_obey_the_flag_without_event_indexes(void **state)
{
	struct fixture *f = *state;

	pop_and_push(f);
	assert_true(virtq_should_signal(&f->vq));
	fake_ring_set_avail_flags(&f->ring, 1);
	pop_and_push(f);
	assert_false(virtq_should_signal(&f->vq));
}

static void notifications_are_asked_for_by_the_avail_event(void **state)
{
	struct fixture *f = *state;

	pop_and_push(f);
	assert_false(virtq_arm(&f->vq, true));
	assert_int_equal(fake_ring_avail_event(&f->ring), 1);
	assert_false(virtq_arm(&f->vq, false));
	pop_and_push(f);
	assert_int_equal(fake_ring_avail_event(&f->ring), 1);
	add_one(f);
	/* It came before we armed: no notification will tell. */
	assert_true(virtq_arm(&f->vq, true));
}

static void notifications_obey_the_flag_without_event_indexes(void **state)
{
	struct fixture *f = *state;

	assert_false(virtq_arm(&f->vq, false));
	assert_int_equal(fake_ring_used_flags(&f->ring), 1);
	add_one(f);
	assert_true(virtq_arm(&f->vq, true));
	assert_int_equal(fake_ring_used_flags(&f->ring), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_WITHOUT_EVENT_IDX(name) \
	cmocka_unit_test_setup_teardown(name, set_up_without_event_idx, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_queue_has_no_chain),
		TEST(a_chain_comes_out_as_readable_then_writable_buffers),
		TEST(used_entries_carry_head_and_length_in_any_order),
		TEST(indexes_wrap_after_65536_chains),
		TEST(an_indirect_table_gives_its_buffers),
		TEST(direct_buffers_may_stand_before_an_indirect_table),
		TEST(a_chain_may_have_exactly_as_many_buffers_as_allowed),
		TEST(a_chain_that_loops_breaks_the_queue),
		TEST(a_descriptor_that_is_its_own_next_breaks_the_queue),
		TEST(an_indirect_table_that_loops_breaks_the_queue),
		TEST(a_next_beyond_the_table_breaks_the_queue),
		TEST(a_next_beyond_the_indirect_table_breaks_the_queue),
		TEST(a_head_beyond_the_queue_breaks_it),
		TEST(a_head_in_flight_breaks_the_queue),
		TEST(a_head_may_come_again_once_it_was_pushed),
		TEST(an_available_index_that_jumps_breaks_the_queue),
		TEST(an_available_index_that_goes_back_breaks_the_queue),
		TEST(an_indirect_table_inside_an_indirect_table_breaks_the_queue),
		TEST(indirect_together_with_next_breaks_the_queue),
		TEST(an_indirect_table_of_length_0_breaks_the_queue),
		TEST(an_indirect_table_of_a_crooked_length_breaks_the_queue),
		TEST(an_indirect_table_across_the_end_of_memory_breaks_the_queue),
		TEST(a_buffer_of_length_0_breaks_the_queue),
		TEST(a_buffer_across_the_end_of_memory_breaks_the_queue),
		TEST(a_buffer_across_the_hole_breaks_the_queue),
		TEST(a_buffer_of_4_gib_breaks_the_queue),
		TEST(a_buffer_past_64_bits_breaks_the_queue),
		TEST(the_last_valid_byte_is_a_buffer),
		TEST(a_readable_buffer_behind_a_writable_one_breaks_the_queue),
		TEST(queue_sizes_that_are_no_power_of_two_within_bounds_are_refused),
		TEST(rings_that_are_misaligned_are_refused),
		TEST(rings_that_leave_memory_are_refused),
		TEST(rings_that_overlap_hurt_only_the_guest),
		TEST(a_queue_that_is_not_ready_is_empty),
		TEST(a_reset_mends_a_broken_queue),
		TEST(a_chain_that_was_put_back_comes_again),
		TEST(interrupts_come_when_the_used_event_is_passed),
		TEST(notifications_are_asked_for_by_the_avail_event),
		TEST_WITHOUT_EVENT_IDX(interrupts_obey_the_flag_without_event_indexes),
		TEST_WITHOUT_EVENT_IDX(notifications_obey_the_flag_without_event_indexes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
