/* SPDX-License-Identifier: Apache-2.0 */
/* A byte queue keeps its bytes in order whatever is appended and consumed. */
#include "tests/unit/test.h"

#include "lib/bytes.h"

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
	struct bytes queue = { 0 };
	uint8_t next_in = 0, next_out = 0;

	(void)state;
	for (size_t round = 0; round < 1000; round++) {
		for (size_t i = 0; i < round % 37; i++, next_in++)
			assert_int_equal(bytes_append(&queue, &next_in, 1), 0);
		for (size_t i = 0; i < round % 31 && queue.len > 0; i++, next_out++) {
			assert_int_equal(*bytes_front(&queue), next_out);
			bytes_consume(&queue, 1);
		}
	}
	bytes_fini(&queue);
}

static void an_emptied_queue_gives_large_memory_back(void **state)
{
	struct bytes queue = { 0 };

	(void)state;
	assert_non_null(bytes_reserve(&queue, 1 << 20));
	bytes_commit(&queue, 1 << 20);
	bytes_consume(&queue, 1 << 20);
	assert_null(queue.data);
}

static void a_reservation_that_overflows_is_refused(void **state)
{
	struct bytes queue = { 0 };

	(void)state;
	assert_int_equal(bytes_append(&queue, "x", 1), 0);
	assert_null(bytes_reserve(&queue, SIZE_MAX));
	bytes_fini(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
		cmocka_unit_test(an_emptied_queue_gives_large_memory_back),
		cmocka_unit_test(a_reservation_that_overflows_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
