/* SPDX-License-Identifier: Apache-2.0 */
/* The PCI bus: configuration accesses of every kind, BARs that are sized and moved, and pvpanic on
 * it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/pci/bus.h"
#include "vmm/pci/pvpanic.h"

#define WINDOW_START 0xe0000000ull
#define WINDOW_END   0xf0000000ull
#define BAR_BYTES    0x4000u

#define COMMAND	      0x04u
#define COMMAND_MEM   0x0002u
#define BAR0	      0x10u
#define BAR1	      0x14u
#define CAP_POINTER   0x34u
#define ADDRESS_PORT  0xcf8
#define DATA_PORT     0xcfc
#define CONFIG_ENABLE 0x80000000u

/* A function with a BAR of bytes, and counters. */
struct ram_function {
	struct pci_function fn;
	uint8_t bar[BAR_BYTES];
	unsigned n_moved, n_written, n_reading;
};

static unsigned n_freed;

static struct ram_function *ram_of(struct pci_function *fn)
{
	return CONTAINER_OF(fn, struct ram_function, fn);
}

static void ram_read(struct pci_function *fn, unsigned bar, uint64_t offset, void *dst,
		     unsigned len)
{
	assert_int_equal(bar, 0);
	assert_in_range(offset + len, 1, BAR_BYTES);
	memcpy(dst, ram_of(fn)->bar + offset, len);
}

static void ram_write(struct pci_function *fn, unsigned bar, uint64_t offset, const void *src,
		      unsigned len)
{
	assert_int_equal(bar, 0);
	assert_in_range(offset + len, 1, BAR_BYTES);
	memcpy(ram_of(fn)->bar + offset, src, len);
}

static void ram_reading(struct pci_function *fn, unsigned offset, unsigned len)
{
	assert_true(offset + len <= PCI_CONFIG_BYTES);
	ram_of(fn)->n_reading++;
}

static void ram_written(struct pci_function *fn, unsigned offset, unsigned len)
{
	assert_true(offset + len <= PCI_CONFIG_BYTES);
	ram_of(fn)->n_written++;
}

static void ram_moved(struct pci_function *fn, unsigned bar)
{
	assert_int_equal(bar, 0);
	ram_of(fn)->n_moved++;
}

static void ram_free(struct pci_function *fn)
{
	n_freed++;
	free(ram_of(fn));
}

static const struct pci_function_ops ram_ops = {
	.bar_read = ram_read,
	.bar_write = ram_write,
	.config_reading = ram_reading,
	.config_written = ram_written,
	.bar_moved = ram_moved,
	.free = ram_free,
};

static struct pci_bus bus;

static struct ram_function *new_ram(void)
{
	struct ram_function *ram = calloc(1, sizeof(*ram));
	const uint8_t body[] = { 0x11, 0x22 };

	assert_non_null(ram);
	pci_function_init(&ram->fn, &ram_ops, 0x1af4, 0x1042, 0x40, 0x01, 0x80, 1);
	pci_function_add_bar(&ram->fn, 0, BAR_BYTES);
	pci_function_add_capability(&ram->fn, 0x09, body, sizeof(body));
	pci_function_add_capability(&ram->fn, 0x11, body, sizeof(body));
	return ram;
}

static struct ram_function *add_ram(void)
{
	struct ram_function *ram = new_ram();
	struct err err = ERR_INIT;

	assert_int_equal(pci_bus_add(&bus, &ram->fn, &err), 0);
	return ram;
}

static int set_up(void **state)
{
	(void)state;
	n_freed = 0;
	pci_bus_init(&bus, WINDOW_START, WINDOW_END);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	pci_bus_fini(&bus);
	return 0;
}

static void select_register(unsigned slot, unsigned offset)
{
	uint32_t address = CONFIG_ENABLE | slot << 11 | (offset & 0xfc);

	pci_bus_port_write(&bus, ADDRESS_PORT, &address, 4);
}

static uint32_t config_read(unsigned slot, unsigned offset, unsigned len)
{
	uint32_t value = 0;

	select_register(slot, offset);
	pci_bus_port_read(&bus, (uint16_t)(DATA_PORT + (offset & 3)), &value, len);
	return value;
}

static void config_write(unsigned slot, unsigned offset, uint32_t value, unsigned len)
{
	select_register(slot, offset);
	pci_bus_port_write(&bus, (uint16_t)(DATA_PORT + (offset & 3)), &value, len);
}

static void a_function_shows_its_identity(void **state)
{
	(void)state;
	add_ram();
	assert_int_equal(config_read(0, 0x00, 4), 0x10421af4);
	assert_int_equal(config_read(0, 0x02, 2), 0x1042);
	assert_int_equal(config_read(0, 0x08, 4), 0x01800001);
	assert_int_equal(config_read(0, 0x0b, 1), 0x01);
	assert_int_equal(config_read(0, 0x0e, 1), 0); /* type 0, one function */
	assert_int_equal(config_read(0, 0x2c, 4), 0x00401af4);
	assert_int_equal(config_read(0, 0x3d, 1), 0); /* no INTx */
}

static void capabilities_form_a_list_that_ends(void **state)
{
	unsigned first, second;

	(void)state;
	add_ram();
	assert_int_equal(config_read(0, 0x06, 2) & 0x10, 0x10);
	first = config_read(0, CAP_POINTER, 1);
	assert_int_equal(config_read(0, first, 1), 0x09);
	second = config_read(0, first + 1, 1);
	assert_int_equal(second % 4, 0);
	assert_int_equal(config_read(0, second, 4), 0x22110011);
}

static void empty_slots_other_functions_and_other_buses_read_as_ones(void **state)
{
	uint32_t value, address;

	(void)state;
	add_ram();
	assert_int_equal(config_read(1, 0, 4), 0xffffffff);
	assert_int_equal(config_read(31, 0, 2), 0xffff);
	address = CONFIG_ENABLE | 1u << 8; /* function 1 */
	pci_bus_port_write(&bus, ADDRESS_PORT, &address, 4);
	pci_bus_port_read(&bus, DATA_PORT, &value, 4);
	assert_int_equal(value, 0xffffffff);
	address = CONFIG_ENABLE | 1u << 16; /* bus 1 */
	pci_bus_port_write(&bus, ADDRESS_PORT, &address, 4);
	pci_bus_port_read(&bus, DATA_PORT, &value, 4);
	assert_int_equal(value, 0xffffffff);
	address = 0; /* not enabled */
	pci_bus_port_write(&bus, ADDRESS_PORT, &address, 4);
	pci_bus_port_read(&bus, DATA_PORT, &value, 4);
	assert_int_equal(value, 0xffffffff);
}

static void only_a_whole_word_reaches_the_address_register(void **state)
{
	uint32_t value = 0x80000800, read = 0;
	uint8_t byte = 1;

	(void)state;
	pci_bus_port_write(&bus, ADDRESS_PORT, &value, 4);
	pci_bus_port_write(&bus, ADDRESS_PORT + 3, &byte, 1);
	pci_bus_port_write(&bus, ADDRESS_PORT, &byte, 1);
	pci_bus_port_write(&bus, ADDRESS_PORT + 1, &value, 4);
	pci_bus_port_read(&bus, ADDRESS_PORT, &read, 4);
	assert_int_equal(read, value);
	byte = 0;
	pci_bus_port_read(&bus, ADDRESS_PORT + 1, &byte, 1);
	assert_int_equal(byte, 0x08);
}

static void every_port_width_and_alignment_is_answered(void **state)
{
	uint8_t bytes[8];

	(void)state;
	add_ram();
	for (unsigned offset = 0; offset < 256; offset += 4) {
		select_register(0, offset);
		for (uint16_t port = PCI_PORT_FIRST; port <= PCI_PORT_LAST; port++)
			for (unsigned len = 1; len <= 4; len *= 2) {
				memset(bytes, 0x5a, sizeof(bytes));
				pci_bus_port_read(&bus, port, bytes, len);
				assert_int_equal(bytes[len], 0x5a);
				if (port > ADDRESS_PORT)
					pci_bus_port_write(&bus, port, bytes, len);
			}
	}
	/* Beyond the last port: ones. */
	select_register(0, 0);
	pci_bus_port_read(&bus, PCI_PORT_LAST, bytes, 4);
	assert_memory_equal(bytes, "\x10\xff\xff\xff", 4);
}

static void what_is_read_only_stays(void **state)
{
	(void)state;
	add_ram();
	for (unsigned offset = 0; offset < 256; offset += 4)
		config_write(0, offset, 0xffffffff, 4);
	assert_int_equal(config_read(0, 0x00, 4), 0x10421af4);
	assert_int_equal(config_read(0, 0x08, 4), 0x01800001);
	assert_int_equal(config_read(0, COMMAND, 2), 0x0406);
	assert_int_equal(config_read(0, BAR1, 4), 0);
	assert_int_equal(config_read(0, 0x30, 4), 0); /* no expansion ROM */
	assert_int_equal(config_read(0, CAP_POINTER, 1), 0x40);
	assert_int_equal(config_read(0, 0x40, 1), 0x09);
}

static void a_bar_tells_its_size(void **state)
{
	(void)state;
	add_ram();
	config_write(0, BAR0, 0xffffffff, 4);
	assert_int_equal(config_read(0, BAR0, 4), ~(BAR_BYTES - 1));
}

static void bars_lie_in_the_window_aligned_and_apart(void **state)
{
	uint32_t first, second;

	(void)state;
	add_ram();
	add_ram();
	first = config_read(0, BAR0, 4);
	second = config_read(1, BAR0, 4);
	assert_true(first >= WINDOW_START && second + BAR_BYTES <= WINDOW_END);
	assert_int_equal(first % BAR_BYTES, 0);
	assert_true(second >= first + BAR_BYTES);
}

static void a_bar_answers_only_while_memory_is_decoded(void **state)
{
	struct ram_function *ram = add_ram();
	gpa_t at = config_read(0, BAR0, 4);
	uint32_t value = 0x12345678;

	(void)state;
	assert_true(pci_function_bar(&ram->fn, 0) == 0);
	assert_false(pci_bus_mmio_write(&bus, at, &value, 4));
	config_write(0, COMMAND, COMMAND_MEM, 2);
	assert_int_equal(ram->n_moved, 1);
	assert_true(pci_function_bar(&ram->fn, 0) == at);
	assert_true(pci_bus_mmio_write(&bus, at + 8, &value, 4));
	assert_memory_equal(ram->bar + 8, &value, 4);
	config_write(0, COMMAND, 0, 2);
	assert_int_equal(ram->n_moved, 2);
	assert_false(pci_bus_mmio_read(&bus, at + 8, &value, 4));
	assert_int_equal(value, 0xffffffff);
}

static void a_bar_can_be_moved(void **state)
{
	struct ram_function *ram = add_ram();
	gpa_t old = config_read(0, BAR0, 4);
	uint32_t value;

	(void)state;
	ram->bar[4] = 0x42;
	config_write(0, COMMAND, COMMAND_MEM, 2);
	config_write(0, BAR0, 0xe8000000, 4);
	assert_int_equal(ram->n_moved, 2);
	assert_false(pci_bus_mmio_read(&bus, old, &value, 4));
	assert_true(pci_bus_mmio_read(&bus, 0xe8000004, &value, 4));
	assert_int_equal(value, 0x42);
}

static void an_access_across_the_end_of_a_bar_is_nobodys(void **state)
{
	gpa_t at;
	uint64_t value;

	(void)state;
	add_ram();
	config_write(0, COMMAND, COMMAND_MEM, 2);
	at = config_read(0, BAR0, 4);
	assert_true(pci_bus_mmio_read(&bus, at + BAR_BYTES - 8, &value, 8));
	assert_false(pci_bus_mmio_read(&bus, at + BAR_BYTES - 7, &value, 8));
	assert_false(pci_bus_mmio_read(&bus, at + BAR_BYTES, &value, 1));
	assert_false(pci_bus_mmio_read(&bus, at - 1, &value, 2));
	assert_false(pci_bus_mmio_read(&bus, UINT64_MAX, &value, 8));
}

static void accesses_to_capabilities_are_told(void **state)
{
	struct ram_function *ram = add_ram();

	(void)state;
	config_write(0, COMMAND, COMMAND_MEM, 2);
	config_read(0, 0, 4);
	assert_int_equal(ram->n_written + ram->n_reading, 0);
	config_write(0, 0x44, 0, 1);
	config_read(0, 0x40, 2);
	assert_int_equal(ram->n_written, 1);
	assert_int_equal(ram->n_reading, 1);
}

static void the_thirty_third_function_finds_no_slot(void **state)
{
	struct ram_function *ram = new_ram();
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned i = 0; i < PCI_SLOTS_MAX; i++)
		assert_int_equal(add_ram()->fn.slot, i);
	assert_int_equal(pci_bus_add(&bus, &ram->fn, &err), -ENOSPC);
	ram_free(&ram->fn);
}

static void a_bar_larger_than_a_slots_share_is_refused(void **state)
{
	struct ram_function *ram = new_ram();
	struct err err = ERR_INIT;

	(void)state;
	ram->fn.bar_size[1] = 0x10000000;
	assert_int_equal(pci_bus_add(&bus, &ram->fn, &err), -ENOSPC);
	ram_free(&ram->fn);
}

static void a_removed_function_leaves_its_slot_and_address(void **state)
{
	uint32_t at;

	(void)state;
	add_ram();
	at = config_read(0, BAR0, 4);
	for (int i = 0; i < 1000; i++) {
		pci_bus_remove(&bus, bus.slots[0]);
		assert_int_equal(config_read(0, 0, 4), 0xffffffff);
		add_ram();
	}
	assert_int_equal(n_freed, 1000);
	assert_int_equal(config_read(0, BAR0, 4), at);
}

static void count(void *ctx)
{
	++*(unsigned *)ctx;
}

static void pvpanic_tells_of_a_panic(void **state)
{
	struct err err = ERR_INIT;
	unsigned panics = 0;
	uint8_t value = 0;
	gpa_t at;

	(void)state;
	assert_int_equal(pvpanic_add(&bus, count, &panics, &err), 0);
	assert_int_equal(config_read(0, 0, 4), 0x00111b36);
	config_write(0, COMMAND, COMMAND_MEM, 2);
	at = config_read(0, BAR0, 4);
	assert_true(pci_bus_mmio_read(&bus, at, &value, 1));
	assert_int_equal(value, 3);
	value = 2; /* its crash kernel takes over: not our end */
	assert_true(pci_bus_mmio_write(&bus, at, &value, 1));
	assert_int_equal(panics, 0);
	value = 1;
	assert_true(pci_bus_mmio_write(&bus, at + 1, &value, 1));
	assert_int_equal(panics, 0);
	assert_true(pci_bus_mmio_write(&bus, at, &value, 1));
	assert_int_equal(panics, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_function_shows_its_identity),
		TEST(capabilities_form_a_list_that_ends),
		TEST(empty_slots_other_functions_and_other_buses_read_as_ones),
		TEST(only_a_whole_word_reaches_the_address_register),
		TEST(every_port_width_and_alignment_is_answered),
		TEST(what_is_read_only_stays),
		TEST(a_bar_tells_its_size),
		TEST(bars_lie_in_the_window_aligned_and_apart),
		TEST(a_bar_answers_only_while_memory_is_decoded),
		TEST(a_bar_can_be_moved),
		TEST(an_access_across_the_end_of_a_bar_is_nobodys),
		TEST(accesses_to_capabilities_are_told),
		TEST(the_thirty_third_function_finds_no_slot),
		TEST(a_bar_larger_than_a_slots_share_is_refused),
		TEST(a_removed_function_leaves_its_slot_and_address),
		TEST(pvpanic_tells_of_a_panic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
