/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: what is mapped, what is not, and that no arithmetic of a guest gets around it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "vmm/mem/guestmem.h"

#define MIB	   (1ull << 20)
#define HOLE_START (2 * MIB)
#define HOLE_END   (4 * MIB)
#define END	   (6 * MIB)

static int set_up(void **state)
{
	static struct guestmem mem;
	struct err err = ERR_INIT;

	if (guestmem_init(&mem, 4 * MIB, HOLE_START, HOLE_END, &err) < 0)
		return -1;
	*state = &mem;
	return 0;
}

static int tear_down(void **state)
{
	guestmem_fini(*state);
	return 0;
}

static void memory_lies_below_and_above_the_hole(void **state)
{
	struct guestmem *mem = *state;

	assert_int_equal(mem->n_regions, 2);
	assert_true(guestmem_size(mem) == 4 * MIB);
	assert_non_null(guestmem_at(mem, 0, HOLE_START));
	assert_non_null(guestmem_at(mem, HOLE_END, HOLE_START));
}

static void small_memory_has_one_region(void **state)
{
	struct guestmem mem;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guestmem_init(&mem, HOLE_START, HOLE_START, HOLE_END, &err), 0);
	assert_int_equal(mem.n_regions, 1);
	assert_null(guestmem_at(&mem, HOLE_START, 1));
	guestmem_fini(&mem);
	assert_null(guestmem_at(&mem, 0, 1));
}

static void the_last_byte_is_mapped_and_the_one_behind_is_not(void **state)
{
	struct guestmem *mem = *state;

	assert_non_null(guestmem_at(mem, HOLE_START - 1, 1));
	assert_null(guestmem_at(mem, HOLE_START, 1));
	assert_null(guestmem_at(mem, HOLE_END - 1, 1));
	assert_non_null(guestmem_at(mem, END - 1, 1));
	assert_null(guestmem_at(mem, END, 1));
}

static void a_range_that_leaves_its_region_is_not_mapped(void **state)
{
	struct guestmem *mem = *state;

	assert_null(guestmem_at(mem, HOLE_START - 1, 2));
	assert_null(guestmem_at(mem, HOLE_END - 1, 2));
	assert_null(guestmem_at(mem, END - 1, 2));
	/* Both ends are memory, the middle is not. */
	assert_null(guestmem_at(mem, 0, END));
	assert_null(guestmem_at(mem, HOLE_START - 8, HOLE_END - HOLE_START + 16));
}

static void adjacent_regions_are_not_one(void **state)
{
	struct guestmem mem;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guestmem_init(&mem, 2 * MIB, MIB, MIB, &err), 0);
	assert_int_equal(mem.n_regions, 2);
	assert_null(guestmem_at(&mem, MIB - 1, 2));
	guestmem_fini(&mem);
}

static void address_plus_length_beyond_64_bits_is_not_mapped(void **state)
{
	struct guestmem *mem = *state;

	assert_null(guestmem_at(mem, UINT64_MAX, 1));
	assert_null(guestmem_at(mem, UINT64_MAX, 2));
	assert_null(guestmem_at(mem, UINT64_MAX - 15, 32));
	assert_null(guestmem_at(mem, 1, UINT64_MAX));
	assert_null(guestmem_at(mem, HOLE_END + 16, UINT64_MAX - HOLE_END));
	assert_null(guestmem_at(mem, 0, UINT64_MAX));
}

static void a_length_of_0_is_never_mapped(void **state)
{
	struct guestmem *mem = *state;
	uint8_t byte = 7;

	assert_null(guestmem_at(mem, 0, 0));
	assert_false(guestmem_read(mem, 0, &byte, 0));
	assert_int_equal(byte, 7);
}

static void what_was_written_is_read(void **state)
{
	struct guestmem *mem = *state;
	char text[8] = "";

	assert_true(guestmem_write(mem, HOLE_END, "kernel", 7));
	assert_true(guestmem_read(mem, HOLE_END, text, 7));
	assert_string_equal(text, "kernel");
}

static void a_copy_that_does_not_fit_copies_nothing(void **state)
{
	struct guestmem *mem = *state;
	uint8_t bytes[4] = { 1, 2, 3, 4 };
	uint8_t *last = guestmem_at(mem, END - 2, 2);

	assert_non_null(last);
	last[0] = last[1] = 9;
	assert_false(guestmem_write(mem, END - 2, bytes, 4));
	assert_int_equal(last[0], 9);
	assert_false(guestmem_read(mem, END - 2, bytes, 4));
	assert_int_equal(bytes[0], 1);
}

static void sizes_that_make_no_memory_are_refused(void **state)
{
	struct guestmem mem;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guestmem_init(&mem, 0, HOLE_START, HOLE_END, &err), -EINVAL);
	assert_int_equal(guestmem_init(&mem, 4095, HOLE_START, HOLE_END, &err), -EINVAL);
	assert_int_equal(guestmem_init(&mem, MIB, HOLE_END, HOLE_START, &err), -EINVAL);
	assert_int_equal(guestmem_init(&mem, UINT64_MAX & ~0xfffull, HOLE_START, HOLE_END, &err),
			 -EINVAL);
	/* More than any address space holds. */
	assert_int_equal(guestmem_init(&mem, 1ull << 60, HOLE_START, HOLE_END, &err), -ENOMEM);
	assert_int_equal(mem.n_regions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_lies_below_and_above_the_hole),
		cmocka_unit_test(small_memory_has_one_region),
		cmocka_unit_test(the_last_byte_is_mapped_and_the_one_behind_is_not),
		cmocka_unit_test(a_range_that_leaves_its_region_is_not_mapped),
		cmocka_unit_test(adjacent_regions_are_not_one),
		cmocka_unit_test(address_plus_length_beyond_64_bits_is_not_mapped),
		cmocka_unit_test(a_length_of_0_is_never_mapped),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_copy_that_does_not_fit_copies_nothing),
		cmocka_unit_test(sizes_that_make_no_memory_are_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
