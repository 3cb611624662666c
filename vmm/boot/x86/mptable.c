/* SPDX-License-Identifier: Apache-2.0 */
/* The MP table. */
#include "vmm/boot/x86/mptable.h"

#include <errno.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"

#define ISA_INTERRUPTS	  16u
#define APIC_VERSION	  0x14u
#define IOAPIC_VERSION	  0x11u
#define ALL_LOCAL_APICS	  0xffu
#define PROCESSOR_ENABLED 0x01u
#define PROCESSOR_BOOT	  0x02u
#define IOAPIC_ENABLED	  0x01u

enum entry_type {
	ENTRY_PROCESSOR = 0,
	ENTRY_BUS = 1,
	ENTRY_IOAPIC = 2,
	ENTRY_IO_INTERRUPT = 3,
	ENTRY_LOCAL_INTERRUPT = 4,
};

enum interrupt_type {
	INTERRUPT_VECTORED = 0,
	INTERRUPT_NMI = 1,
	INTERRUPT_EXTERNAL = 3,
};

struct mp_pointer {
	char signature[4];
	uint32_t table;
	uint8_t length_16; /* in 16 bytes */
	uint8_t revision;
	uint8_t checksum;
	uint8_t features[5];
} __attribute__((packed));

struct mp_header {
	char signature[4];
	uint16_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[8];
	char product[12];
	uint32_t oem_table;
	uint16_t oem_table_bytes;
	uint16_t entries;
	uint32_t local_apic;
	uint16_t extended_bytes;
	uint8_t extended_checksum;
	uint8_t reserved;
} __attribute__((packed));

struct mp_processor {
	uint8_t type;
	uint8_t apic_id;
	uint8_t apic_version;
	uint8_t flags;
	uint32_t signature;
	uint32_t features;
	uint32_t reserved[2];
} __attribute__((packed));

struct mp_bus {
	uint8_t type;
	uint8_t id;
	char name[6];
} __attribute__((packed));

struct mp_ioapic {
	uint8_t type;
	uint8_t id;
	uint8_t version;
	uint8_t flags;
	uint32_t address;
} __attribute__((packed));

struct mp_interrupt {
	uint8_t type;
	uint8_t interrupt_type;
	uint16_t flags; /* 0: polarity and trigger as the bus has them */
	uint8_t source_bus;
	uint8_t source_irq;
	uint8_t destination_apic;
	uint8_t destination_pin;
} __attribute__((packed));

/* What is written so far. */
struct table {
	uint8_t *bytes;
	size_t len;
	uint16_t entries;
};

static void put(struct table *table, const void *entry, size_t bytes)
{
	memcpy(table->bytes + table->len, entry, bytes);
	table->len += bytes;
	table->entries++;
}

/* The value that makes the sum of all bytes 0. */
static uint8_t checksum(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	unsigned sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += bytes[i];
	return (uint8_t)-sum;
}

static void put_processors(struct table *table, unsigned cpus)
{
	for (unsigned i = 0; i < cpus; i++) {
		struct mp_processor processor = {
			.type = ENTRY_PROCESSOR,
			.apic_id = (uint8_t)i,
			.apic_version = APIC_VERSION,
			.flags = (uint8_t)(PROCESSOR_ENABLED | (i == 0 ? PROCESSOR_BOOT : 0)),
		};

		put(table, &processor, sizeof(processor));
	}
}

static void put_isa_interrupts(struct table *table, uint8_t ioapic_id)
{
	struct mp_bus isa = { .type = ENTRY_BUS, .id = 0, .name = "ISA   " };
	struct mp_ioapic ioapic = { .type = ENTRY_IOAPIC,
				    .id = ioapic_id,
				    .version = IOAPIC_VERSION,
				    .flags = IOAPIC_ENABLED,
				    .address = (uint32_t)LAYOUT_IOAPIC };

	put(table, &isa, sizeof(isa));
	put(table, &ioapic, sizeof(ioapic));
	for (unsigned i = 0; i < ISA_INTERRUPTS; i++) {
		struct mp_interrupt interrupt = { .type = ENTRY_IO_INTERRUPT,
						  .interrupt_type = INTERRUPT_VECTORED,
						  .source_irq = (uint8_t)i,
						  .destination_apic = ioapic_id,
						  .destination_pin = (uint8_t)i };

		put(table, &interrupt, sizeof(interrupt));
	}
}

/* LINT0 gets the PIC's interrupts, LINT1 is NMI, on every CPU. */
static void put_local_interrupts(struct table *table)
{
	struct mp_interrupt local = { .type = ENTRY_LOCAL_INTERRUPT,
				      .interrupt_type = INTERRUPT_EXTERNAL,
				      .destination_apic = ALL_LOCAL_APICS };

	put(table, &local, sizeof(local));
	local.interrupt_type = INTERRUPT_NMI;
	local.destination_pin = 1;
	put(table, &local, sizeof(local));
}

int mptable_write(const struct guestmem *mem, unsigned cpus, bool isa_interrupts, struct err *err)
{
	uint8_t *area = guestmem_at(mem, LAYOUT_MPTABLE, LAYOUT_MPTABLE_MAX);
	struct mp_pointer pointer = { .signature = "_MP_",
				      .table = (uint32_t)LAYOUT_MPTABLE + sizeof(pointer),
				      .length_16 = sizeof(pointer) / 16,
				      .revision = 4 };
	struct mp_header header = { .signature = "PCMP",
				    .revision = 4,
				    .oem = "KATALIKE",
				    .product = "MICROVM     ",
				    .local_apic = (uint32_t)LAYOUT_LAPIC };
	struct table table = { 0 };

	if (cpus == 0 || cpus > LAYOUT_CPUS_MAX)
		return err_say(err, EINVAL, "%u CPUs do not fit an MP table; 1 to %u do", cpus,
			       LAYOUT_CPUS_MAX);
	if (!area)
		return err_say(err, EINVAL,
			       "guest memory has no room for the MP table below 1 MiB");
	table = (struct table){ .bytes = area + sizeof(pointer), .len = sizeof(header) };
	put_processors(&table, cpus);
	if (isa_interrupts)
		put_isa_interrupts(&table, (uint8_t)cpus);
	put_local_interrupts(&table);

	header.length = (uint16_t)table.len;
	header.entries = table.entries;
	memcpy(table.bytes, &header, sizeof(header));
	header.checksum = checksum(table.bytes, table.len);
	memcpy(table.bytes, &header, sizeof(header));
	pointer.checksum = checksum(&pointer, sizeof(pointer));
	memcpy(area, &pointer, sizeof(pointer));
	return 0;
}
