/* SPDX-License-Identifier: Apache-2.0 */
/* The MP table, read as a kernel reads it. */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"
#include "vmm/boot/x86/mptable.h"

#define MEMORY_BYTES (2ull << 20)

static uint8_t sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	for (size_t i = 0; i < len; i++)
		total = (uint8_t)(total + bytes[i]);
	return total;
}

/* What a walk over the entries found. */
struct found {
	unsigned processors, boot_processors, buses, ioapics, interrupts, local_interrupts;
	unsigned last_apic_id, ioapic_id;
	uint8_t isa_pins[16];
};

static void walk(const uint8_t *table, struct found *found)
{
	uint16_t entries;
	const uint8_t *at = table + 44;

	*found = (struct found){ 0 };
	memcpy(&entries, table + 34, sizeof(entries));
	for (unsigned i = 0; i < entries; i++) {
		switch (*at) {
		case 0:
			found->processors++;
			found->last_apic_id = at[1];
			found->boot_processors += (at[3] & 2) != 0;
			assert_true(at[3] & 1);
			at += 20;
			continue;
		case 1:
			found->buses++;
			assert_memory_equal(at + 2, "ISA   ", 6);
			break;
		case 2:
			found->ioapics++;
			found->ioapic_id = at[1];
			break;
		case 3:
			found->interrupts++;
			assert_true(at[5] < 16);
			found->isa_pins[at[5]] = at[7];
			break;
		case 4:
			found->local_interrupts++;
			break;
		default:
			fail_msg("entry type %u", *at);
		}
		at += 8;
	}
}

static void check_for(unsigned cpus, bool isa_interrupts)
{
	struct err err = ERR_INIT;
	const uint8_t *area, *table;
	struct guestmem mem;
	struct found found;
	uint32_t table_gpa;
	uint16_t length;

	assert_int_equal(
		guestmem_init(&mem, MEMORY_BYTES, LAYOUT_HOLE_START, LAYOUT_HOLE_END, &err), 0);
	assert_int_equal(mptable_write(&mem, cpus, isa_interrupts, &err), 0);
	area = guestmem_at(&mem, LAYOUT_MPTABLE, LAYOUT_MPTABLE_MAX);
	assert_memory_equal(area, "_MP_", 4);
	assert_int_equal(sum(area, 16), 0);
	memcpy(&table_gpa, area + 4, sizeof(table_gpa));
	table = guestmem_at(&mem, table_gpa, 44);
	assert_memory_equal(table, "PCMP", 4);
	memcpy(&length, table + 4, sizeof(length));
	assert_true(length + 16u <= LAYOUT_MPTABLE_MAX);
	assert_int_equal(sum(table, length), 0);
	walk(table, &found);
	assert_int_equal(found.processors, cpus);
	assert_int_equal(found.last_apic_id, cpus - 1);
	assert_int_equal(found.boot_processors, 1);
	assert_int_equal(found.buses, isa_interrupts);
	assert_int_equal(found.ioapics, isa_interrupts);
	assert_int_equal(found.ioapic_id, isa_interrupts ? cpus : 0);
	assert_int_equal(found.interrupts, isa_interrupts ? 16 : 0);
	assert_int_equal(found.local_interrupts, 2);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(found.isa_pins[i], isa_interrupts ? i : 0);
	guestmem_fini(&mem);
}

static void one_cpu_and_its_interrupts_are_listed(void **state)
{
	(void)state;
	check_for(1, true);
}

static void as_many_cpus_as_there_are_apic_ids_are_listed(void **state)
{
	(void)state;
	check_for(4, true);
	check_for(LAYOUT_CPUS_MAX, true);
}

static void without_isa_devices_there_is_no_ioapic(void **state)
{
	(void)state;
	check_for(2, false);
}

static void more_cpus_than_apic_ids_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct guestmem mem;

	(void)state;
	assert_int_equal(
		guestmem_init(&mem, MEMORY_BYTES, LAYOUT_HOLE_START, LAYOUT_HOLE_END, &err), 0);
	assert_int_equal(mptable_write(&mem, LAYOUT_CPUS_MAX + 1, true, &err), -EINVAL);
	assert_int_equal(mptable_write(&mem, 0, true, &err), -EINVAL);
	guestmem_fini(&mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_cpu_and_its_interrupts_are_listed),
		cmocka_unit_test(as_many_cpus_as_there_are_apic_ids_are_listed),
		cmocka_unit_test(without_isa_devices_there_is_no_ioapic),
		cmocka_unit_test(more_cpus_than_apic_ids_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
