/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by registers: the common configuration, MSI-X, configuration space, ports. */
#include "tests/kvm/hostile/attacks.h"

#define BAR_BYTES 4096u
#define PVPANIC	  0x0011u /* its device id: a write to its register ends the VM, as it should */

/* 8: rewritten while the device uses it; sizes that are none. */
static void rewritten(struct device *device)
{
	static const uint16_t sizes[] = { 0, 1, 3, 7, 129, 0x7fff, 0x8000, 0xffff };
	volatile uint8_t *common = device->common;

	for (unsigned n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		device_start(device);
		for (unsigned queue = 0; queue < device->n_queues; queue++) {
			set16(common + COMMON_QUEUE_SELECT, (uint16_t)queue);
			set16(common + COMMON_QUEUE_SIZE, sizes[n]);
			set64(common + COMMON_QUEUE_DESC, HOLE);
			set64(common + COMMON_QUEUE_AVAIL, 0xfffffffffffffffe);
			set64(common + COMMON_QUEUE_USED, MEMORY_BYTES - 4);
			set16(common + COMMON_QUEUE_ENABLE, 0);
			set16(common + COMMON_QUEUE_ENABLE, 1);
			set16(common + COMMON_QUEUE_ENABLE, 0xffff);
		}
		set32(common + COMMON_DRIVER_FEATURE, 0xffffffff);
		post_everywhere(device);
		/* The same before DRIVER_OK. */
		device_negotiate(device, 0);
		for (unsigned queue = 0; queue < device->n_queues; queue++)
			device_place_queue(device, queue, 0x3000000, 0x3004000, 0x3008000,
					   sizes[n]);
		set8(common + COMMON_STATUS, 15);
		for (unsigned queue = 0; queue < device->n_queues; queue++)
			device_notify(device, queue);
		pause_a_little(10);
	}
}

/* 9: queues and vectors that are not there, bells of queues that are not ready. */
static void beyond(struct device *device)
{
	static const uint16_t numbers[] = { 0xffff, 0x8000, 0x100, 64, 17, 5 };
	volatile uint8_t *common = device->common;

	for (unsigned n = 0; n < sizeof(numbers) / sizeof(*numbers); n++) {
		device_start(device);
		set16(common + COMMON_CONFIG_VECTOR, numbers[n]);
		set16(common + COMMON_QUEUE_SELECT, numbers[n]);
		for (unsigned offset = 0x18; offset < 0x38; offset += 4) {
			(void)get32(common + offset);
			set32(common + offset, 0xffffffff);
		}
		for (unsigned queue = 0; queue < device->n_queues; queue++) {
			set16(common + COMMON_QUEUE_SELECT, (uint16_t)queue);
			set16(common + COMMON_QUEUE_VECTOR, numbers[n]);
		}
		post_everywhere(device);
	}
	device_reset(device);
	for (unsigned offset = 0; offset < 0x400; offset += 2)
		set16(device->notify + offset, 0xffff);
	/* Vectors that send an interrupt to nowhere, and everywhere. */
	device_start(device);
	for (unsigned i = 0; i < 64; i++) {
		volatile uint8_t *entry =
			(volatile uint8_t *)(uintptr_t)(device->bar + 0x800 + i * 16);

		set32(entry, i % 2 ? 0xfee00000 : 0xffffffff);
		set32(entry + 4, i % 3 ? 0 : 0xffffffff);
		set32(entry + 8, 0x30 + i * 0x1111);
		set32(entry + 12, 0);
	}
	post_everywhere(device);
}

static void read_write(volatile uint8_t *at, unsigned width, uint32_t value)
{
	if (width == 1) {
		(void)*at;
		set8(at, (uint8_t)value);
	} else if (width == 2) {
		(void)get16(at);
		set16(at, (uint16_t)value);
	} else {
		(void)get32(at);
		set32(at, value);
	}
}

/* 10: all of the BAR at every width, misaligned, and across its end. */
static void bar(struct device *device)
{
	volatile uint8_t *base = (volatile uint8_t *)(uintptr_t)device->bar;

	for (unsigned width = 1; width <= 4; width *= 2)
		for (unsigned offset = 0; offset < BAR_BYTES; offset += width == 1 ? 3 : 5)
			read_write(base + offset, width, 0x5a5a5a5a ^ offset);
	read_write(base + BAR_BYTES - 1, 2, 0xffffffff);
	read_write(base + BAR_BYTES - 1, 4, 0xffffffff);
	read_write(base + BAR_BYTES - 2, 4, 0xffffffff);
	/* The window of configuration space into the BAR (virtio 1.2, 4.1.4.9). */
	for (unsigned at = config_read32(device->slot, 0x34) & 0xfc, n = 0; at && n < 16; n++) {
		uint32_t head = config_read32(device->slot, at);

		if ((head & 0xff) == 9 && head >> 24 == 5) {
			for (unsigned k = 0; k < 12; k++) {
				config_write32(device->slot, at + 4, k % 5);
				config_write32(device->slot, at + 8,
					       k < 6 ? BAR_BYTES - k : 0xfffffff0 + k);
				config_write32(device->slot, at + 12, k % 2 ? 4 : 0xffffffff - k);
				(void)config_read32(device->slot, at + 16);
				config_write32(device->slot, at + 16, 0xffffffff);
			}
		}
		at = head >> 8 & 0xfc;
	}
}

/* The BAR moved onto memory, another device, interrupt controllers and away, in the midst of it. */
static void moved(struct device *device)
{
	static const uint32_t places[] = { 0x2000000,  0xfee00000, 0xfec00000, 0,
					   0xfffff000, 0xc0000000, HOLE };

	for (unsigned n = 0; n < sizeof(places) / sizeof(*places); n++) {
		device_start(device);
		config_write32(device->slot, 0x10, places[n]);
		post_everywhere(device);
		config_write32(device->slot, 4, 0);
		config_write32(device->slot, 4, 6);
		config_write32(device->slot, 0x10, 0xffffffff);
		(void)config_read32(device->slot, 0x10);
		config_write32(device->slot, 0x10, device->bar);
	}
}

/* 11: reset, and status bits taken back, while requests are in flight. */
static void resets(struct device *device)
{
	static const uint8_t states[] = { 0, 1, 3, 7, 11, 0x80, 0xff, STATUS_NEEDS_RESET };

	for (unsigned round = 0; round < 40; round++) {
		device_start(device);
		memset(page(0), 0, 64);
		for (unsigned i = 0; i < device->n_queues; i++) {
			struct ring *ring = &device->rings[i];

			for (uint16_t k = 0; k + 2 < ring->size; k = (uint16_t)(k + 3)) {
				ring_set(ring, k, address(page(0)), 16, DESC_NEXT,
					 (uint16_t)(k + 1));
				ring_set(ring, (uint16_t)(k + 1), address(page(1)), 4096,
					 DESC_NEXT | DESC_WRITE, (uint16_t)(k + 2));
				ring_set(ring, (uint16_t)(k + 2), address(page(2)), 1, DESC_WRITE,
					 0);
				ring_post(ring, k);
			}
			device_notify(device, i);
		}
		pause_a_little(round % 7);
		set8(device->common + COMMON_STATUS, states[round % sizeof(states)]);
		for (unsigned i = 0; i < device->n_queues; i++)
			device_notify(device, i);
	}
}

/* 10: configuration space of every slot at every width, and what is beyond it. */
void attack_configuration(void)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		uint32_t id = config_read32(slot, 0), command = config_read32(slot, 4);
		uint32_t bars[6];

		for (unsigned i = 0; i < 6; i++)
			bars[i] = config_read32(slot, 0x10 + 4 * i);
		for (unsigned offset = 0; offset < 256; offset++) {
			uint16_t port = (uint16_t)(0xcfc + offset % 4);

			out32(0xcf8, 0x80000000u | slot << 11 | (offset & 0xfc));
			(void)in8(port);
			(void)in16(port);
			(void)in32(port);
			if (id >> 16 == PVPANIC)
				continue;
			out8(port, 0xff);
			out16(port, 0xa5a5);
			out32(port, 0xffffffff);
			(void)in32(port);
		}
		for (unsigned i = 0; i < 6; i++)
			config_write32(slot, 0x10 + 4 * i, bars[i]);
		config_write32(slot, 4, command);
	}
	for (unsigned i = 0; i < 64; i++) {
		out32(0xcf8, 0xffffffffu << (i % 32) ^ i);
		(void)in32(0xcfc);
		out16((uint16_t)(0xcf8 + i % 8), 0xffff);
	}
}

/* Bytes that command a terminal, more than a log has room for; odd registers. */
void attack_console(void)
{
	static uint8_t bytes[4096];

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 7 ? i : 0x1b);
	for (unsigned n = 0; n < 2 * 256; n++) {
		const void *at = bytes;
		uint32_t count = sizeof(bytes);

		__asm__ volatile("rep outsb" : "+S"(at), "+c"(count) : "d"(SERIAL) : "memory");
	}
	for (unsigned i = 0; i < 8 * 256; i++) {
		out8((uint16_t)(SERIAL + i % 8), (uint8_t)(i / 8));
		(void)in8((uint16_t)(SERIAL + i % 8));
		out32((uint16_t)(SERIAL + i % 8), 0xffffffff);
	}
	out8(SERIAL + 3, 3); /* data again, no divisor */
	out8(SERIAL + 1, 0); /* no interrupts */
	out8(SERIAL + 4, 3); /* not looped back */
	print("\n");
}

static bool ends_the_machine(unsigned port)
{
	return port == 0x64 || port == 0x63 || port == 0x62 || port == 0x61 ||
	       (port >= 0xcf5 && port <= 0xcff) || (port >= 0x3f5 && port <= 0x3ff);
}

/* 10: rep ins and rep outs on every port but those that end the machine or are this console. */
void attack_ports(void)
{
	static uint32_t buffer[64];

	for (unsigned port = 0; port < 0x10000; port += port < 0x1000 ? 1 : 61) {
		void *at = buffer;
		uint32_t count = 64;

		if (ends_the_machine(port))
			continue;
		if (port % 3 == 0)
			__asm__ volatile("rep insb" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		else if (port % 3 == 1)
			__asm__ volatile("rep insw" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		else
			__asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory");
		at = buffer;
		count = 64;
		__asm__ volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory");
	}
	for (unsigned i = 0; i < 64; i++)
		(void)in32((uint16_t)(0x3f5 + i % 12));
}

const struct attack register_attacks[] = {
	{ "8 rewritten queues", rewritten, 0 },
	{ "9 queues that are not there", beyond, 0 },
	{ "10 the BAR", bar, 0 },
	{ "10 the BAR moved", moved, 0 },
	{ "11 resets", resets, 0 },
};
const unsigned n_register_attacks = sizeof(register_attacks) / sizeof(*register_attacks);
