/* SPDX-License-Identifier: Apache-2.0 */
/* The serial port as a driver sees it. */
#include "tests/unit/test.h"

#include <string.h>

#include "vmm/legacy/absent.h"
#include "vmm/legacy/reset.h"
#include "vmm/legacy/serial.h"

/* What the port did to the outside. */
struct outside {
	char sent[64];
	size_t n_sent;
	unsigned interrupts, drained;
};

static void on_output(void *ctx, uint8_t byte)
{
	struct outside *outside = ctx;

	if (outside->n_sent < sizeof(outside->sent))
		outside->sent[outside->n_sent++] = (char)byte;
}

static void on_interrupt(void *ctx)
{
	((struct outside *)ctx)->interrupts++;
}

static void on_drained(void *ctx)
{
	((struct outside *)ctx)->drained++;
}

static const struct serial_ops ops = { on_output, on_interrupt, on_drained };

static void what_is_sent_comes_out(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	for (const char *p = "hello"; *p; p++) {
		assert_int_equal(serial_read(&serial, 5) & 0x60, 0x60);
		serial_write(&serial, 0, (uint8_t)*p);
	}
	assert_int_equal(outside.n_sent, 5);
	assert_memory_equal(outside.sent, "hello", 5);
	assert_int_equal(outside.interrupts, 0);
}

static void the_divisor_is_no_data(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	serial_write(&serial, 3, 0x83);
	serial_write(&serial, 0, 0x34);
	serial_write(&serial, 1, 0x12);
	assert_int_equal(serial_read(&serial, 0), 0x34);
	assert_int_equal(serial_read(&serial, 1), 0x12);
	serial_write(&serial, 3, 0x03);
	assert_int_equal(serial_read(&serial, 1), 0);
	assert_int_equal(outside.n_sent, 0);
}

static void a_driver_finds_a_16550a(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	serial_write(&serial, 7, 0x5a);
	assert_int_equal(serial_read(&serial, 7), 0x5a);
	serial_write(&serial, 1, 0xff);
	assert_int_equal(serial_read(&serial, 1), 0x0f);
	serial_write(&serial, 1, 0);
	serial_write(&serial, 4, 0x1a);
	assert_int_equal(serial_read(&serial, 6) & 0xf0, 0x90);
	serial_write(&serial, 4, 0);
	serial_write(&serial, 2, 1);
	assert_int_equal(serial_read(&serial, 2) & 0xc0, 0xc0);
	serial_write(&serial, 2, 0);
	assert_int_equal(serial_read(&serial, 2) & 0xc0, 0);
}

static void the_transmitter_interrupts_until_it_is_acknowledged(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	serial_write(&serial, 1, 0x02);
	assert_int_equal(outside.interrupts, 1);
	assert_int_equal(serial_read(&serial, 2) & 0x0f, 0x02);
	assert_int_equal(serial_read(&serial, 2) & 0x0f, 0x01);
	serial_write(&serial, 0, 'x');
	assert_int_equal(outside.interrupts, 2);
	assert_int_equal(serial_read(&serial, 2) & 0x0f, 0x02);
}

static void input_interrupts_and_is_read_in_order(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	serial_write(&serial, 1, 0x01);
	assert_int_equal(serial_read(&serial, 5) & 1, 0);
	serial_input(&serial, (const uint8_t *)"ab", 2);
	assert_int_equal(outside.interrupts, 1);
	assert_int_equal(serial_read(&serial, 2) & 0x0f, 0x04);
	assert_int_equal(serial_read(&serial, 5) & 1, 1);
	assert_int_equal(serial_read(&serial, 0), 'a');
	assert_int_equal(outside.interrupts, 2);
	assert_int_equal(serial_read(&serial, 0), 'b');
	assert_int_equal(serial_read(&serial, 5) & 1, 0);
	assert_int_equal(serial_read(&serial, 0), 0);
	assert_int_equal(serial_read(&serial, 2) & 0x0f, 0x01);
}

static void input_is_bounded_and_room_is_told(void **state)
{
	uint8_t bytes[SERIAL_FIFO_BYTES];
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	memset(bytes, 'i', sizeof(bytes));
	serial_init(&serial, &ops, &outside);
	assert_int_equal(serial_room(&serial), SERIAL_FIFO_BYTES);
	serial_input(&serial, bytes, sizeof(bytes));
	assert_int_equal(serial_room(&serial), 0);
	assert_int_equal(serial_read(&serial, 0), 'i');
	assert_int_equal(outside.drained, 1);
	assert_int_equal(serial_read(&serial, 0), 'i');
	assert_int_equal(outside.drained, 1);
	serial_input(&serial, bytes, 2);
	serial_write(&serial, 2, 0x03);
	assert_int_equal(outside.drained, 2);
	assert_int_equal(serial_room(&serial), SERIAL_FIFO_BYTES);
}

static void a_loop_that_is_never_read_does_not_overflow(void **state)
{
	struct outside outside = { 0 };
	struct serial serial;

	(void)state;
	serial_init(&serial, &ops, &outside);
	serial_write(&serial, 4, 0x10);
	for (unsigned i = 0; i < 10 * SERIAL_FIFO_BYTES; i++)
		serial_write(&serial, 0, (uint8_t)i);
	assert_int_equal(serial_room(&serial), 0);
	assert_int_equal(serial_read(&serial, 0), 0);
	assert_int_equal(outside.n_sent, 0);
}

static void only_the_reset_lines_reset(void **state)
{
	(void)state;
	assert_true(reset_requested(0x64, 0xfe));
	assert_false(reset_requested(0x64, 0xff));
	assert_true(reset_requested(0xcf9, 0x06));
	assert_true(reset_requested(0xcf9, 0x0e));
	assert_false(reset_requested(0xcf9, 0x02));
	assert_false(reset_requested(0x60, 0xfe));
}

static void ports_of_absent_parts_end_the_search(void **state)
{
	(void)state;
	assert_int_equal(absent_read(0x64) & 0x02, 0);
	assert_int_equal(absent_read(0x64) & 0x01, 1);
	assert_int_equal(absent_read(0x71), 0);
	assert_int_equal(absent_read(0x2f8), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_comes_out),
		cmocka_unit_test(the_divisor_is_no_data),
		cmocka_unit_test(a_driver_finds_a_16550a),
		cmocka_unit_test(the_transmitter_interrupts_until_it_is_acknowledged),
		cmocka_unit_test(input_interrupts_and_is_read_in_order),
		cmocka_unit_test(input_is_bounded_and_room_is_told),
		cmocka_unit_test(a_loop_that_is_never_read_does_not_overflow),
		cmocka_unit_test(only_the_reset_lines_reset),
		cmocka_unit_test(ports_of_absent_parts_end_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
