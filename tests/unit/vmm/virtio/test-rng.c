/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng: random bytes, bounded whatever the driver asks for. */
#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/rng.h"

#define CHAIN_BYTES_MAX 65536u
#define LARGE		0x180000u /* most of the memory below the hole */

static struct fake_driver driver;

static int set_up(void **state)
{
	struct virtio_device *dev;
	struct err err = ERR_INIT;

	*state = &driver;
	fake_driver_init(&driver);
	if (rng_new(&dev, &err) < 0)
		return -1;
	fake_driver_attach(&driver, dev, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_driver_fini(&driver);
	return 0;
}

static unsigned distinct_bytes(const uint8_t *bytes, size_t len)
{
	bool seen[256] = { false };
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		n += !seen[bytes[i]];
		seen[bytes[i]] = true;
	}
	return n;
}

static void a_buffer_is_filled(void **state)
{
	struct fake_buffer buffer = { fake_driver_alloc(&driver, 4096), 4096, true };
	uint16_t head = fake_driver_add(&driver, 0, &buffer, 1);
	uint32_t used_head, len;

	(void)state;
	fake_driver_kick(&driver, 0);
	assert_true(fake_ring_take_used(&driver.rings[0], &used_head, &len));
	assert_int_equal(used_head, head);
	assert_int_equal(len, 4096);
	assert_true(distinct_bytes(fake_driver_at(&driver, buffer.gpa, 4096), 4096) > 250);
	assert_int_equal(driver.signals[0], 1);
}

static void a_large_request_gets_a_bounded_answer(void **state)
{
	struct fake_buffer buffer = { fake_driver_alloc(&driver, LARGE), LARGE, true };
	const uint8_t *bytes = fake_driver_at(&driver, buffer.gpa, LARGE);
	uint32_t len;

	(void)state;
	fake_driver_add(&driver, 0, &buffer, 1);
	fake_driver_kick(&driver, 0);
	assert_true(fake_ring_take_used(&driver.rings[0], NULL, &len));
	assert_int_equal(len, CHAIN_BYTES_MAX);
	assert_int_equal(distinct_bytes(bytes + CHAIN_BYTES_MAX, LARGE - CHAIN_BYTES_MAX), 1);
}

static void many_requests_are_served_in_several_turns(void **state)
{
	struct fake_buffer buffer = { fake_driver_alloc(&driver, LARGE), LARGE, true };
	unsigned turns = 1, n = 0;

	(void)state;
	for (int i = 0; i < 8; i++)
		fake_driver_add(&driver, 0, &buffer, 1);
	fake_driver_kick(&driver, 0);
	while (driver.kicks[0] > 0) {
		fake_driver_step(&driver, 0);
		assert_true(++turns < 100);
	}
	while (fake_ring_take_used(&driver.rings[0], NULL, NULL))
		n++;
	assert_int_equal(n, 8);
	assert_true(turns >= 8);
}

static void a_chain_without_room_gets_nothing(void **state)
{
	struct fake_buffer buffer = { fake_driver_alloc(&driver, 64), 64, false };
	uint32_t len = 1;

	(void)state;
	fake_driver_add(&driver, 0, &buffer, 1);
	fake_driver_kick(&driver, 0);
	assert_true(fake_ring_take_used(&driver.rings[0], NULL, &len));
	assert_int_equal(len, 0);
	assert_int_equal(distinct_bytes(fake_driver_at(&driver, buffer.gpa, 64), 64), 1);
}

static void a_broken_ring_stops_the_device_until_it_is_reset(void **state)
{
	struct fake_buffer buffer = { fake_driver_alloc(&driver, 64), 64, true };

	(void)state;
	fake_ring_set_avail_idx(&driver.rings[0], 0x8000);
	fake_driver_kick(&driver, 0);
	assert_int_equal(driver.resets_wanted, 1);
	assert_false(driver.dev->active);
	fake_driver_reset(&driver);
	fake_driver_restart(&driver, VIRTIO_F_VERSION_1);
	fake_driver_add(&driver, 0, &buffer, 1);
	fake_driver_kick(&driver, 0);
	assert_true(fake_ring_take_used(&driver.rings[0], NULL, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_buffer_is_filled),
		TEST(a_large_request_gets_a_bounded_answer),
		TEST(many_requests_are_served_in_several_turns),
		TEST(a_chain_without_room_gets_nothing),
		TEST(a_broken_ring_stops_the_device_until_it_is_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
