/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by what stands in rings: chains, tables, addresses, indices. */
#include "tests/kvm/hostile/attacks.h"

#define EACH_RING(device, ring)                                                                \
	for (struct ring *ring = (device)->rings; ring < (device)->rings + (device)->n_queues; \
	     ring++)

void post_everywhere(struct device *device)
{
	for (unsigned i = 0; i < device->n_queues; i++) {
		ring_post(&device->rings[i], 0);
		device_notify(device, i);
	}
	pause_a_little(30);
}

static void restart(struct device *device)
{
	device_start(device);
}

/* 1: a chain that loops, on itself and by way of others; one longer than the queue. */
static void loops(struct device *device)
{
	for (unsigned length = 1; length <= 3; length++) {
		restart(device);
		EACH_RING(device, ring)
		for (uint16_t i = 0; i < length; i++)
			ring_set(ring, i, address(page(i)), 64, DESC_NEXT | (i ? DESC_WRITE : 0),
				 (uint16_t)((i + 1) % length));
		post_everywhere(device);
	}
	restart(device);
	EACH_RING(device, ring)
	for (uint16_t i = 0; i < ring->size; i++)
		ring_set(ring, i, address(page(i % 200)), 16, DESC_NEXT,
			 (uint16_t)((i + 1) % ring->size));
	post_everywhere(device);
	/* An index beyond the table, as head and as next. */
	restart(device);
	EACH_RING(device, ring)
	ring_set(ring, 0, address(page(0)), 16, DESC_NEXT, 0xffff);
	post_everywhere(device);
	restart(device);
	for (unsigned i = 0; i < device->n_queues; i++) {
		ring_post(&device->rings[i], (uint16_t)(device->rings[i].size + i));
		device_notify(device, i);
	}
	pause_a_little(30);
}

/* 2: INDIRECT inside a table, together with NEXT, with a size that is none. */
static void indirect(struct device *device)
{
	static const uint32_t sizes[] = { 0,  1,      8,	15,	    17,
					  24, 16 * 3, 0x100000, 0xfffffff0, 0xffffffff };
	volatile struct desc *table = (volatile struct desc *)page(100);

	for (unsigned n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
		restart(device);
		for (unsigned i = 0; i < 200; i++) {
			table[i].addr = address(page(0));
			table[i].len = 16;
			table[i].flags = DESC_NEXT | (i > 100 ? DESC_WRITE : 0);
			table[i].next = (uint16_t)(i + 1);
		}
		EACH_RING(device, ring)
		ring_set(ring, 0, address(table), sizes[n], DESC_INDIRECT, 0);
		post_everywhere(device);
	}
	restart(device);
	table[0].flags = DESC_INDIRECT;
	table[0].addr = address(table);
	table[0].len = 16;
	EACH_RING(device, ring)
	ring_set(ring, 0, address(table), 16, DESC_INDIRECT, 0);
	post_everywhere(device);
	restart(device);
	EACH_RING(device, ring)
	{
		ring_set(ring, 0, address(table), 16, DESC_INDIRECT | DESC_NEXT, 1);
		ring_set(ring, 1, address(page(0)), 16, DESC_WRITE, 0);
	}
	post_everywhere(device);
	/* Not enough of one: the device was not told that there would be tables. */
	device_negotiate(device, 1u << 28 | 1u << 29);
	device_set_up_queues(device);
	set8(device->common + COMMON_STATUS, 15);
	EACH_RING(device, ring)
	ring_set(ring, 0, address(table), 16, DESC_INDIRECT | DESC_WRITE, 0);
	post_everywhere(device);
}

static void one_buffer(struct device *device, uint64_t addr, uint32_t len, uint16_t flags)
{
	restart(device);
	EACH_RING(device, ring)
	ring_set(ring, 0, addr, len, flags, 0);
	post_everywhere(device);
	/* The same behind a good one, where a device expects data. */
	restart(device);
	memset(page(0), 0, 64);
	EACH_RING(device, ring)
	{
		ring_set(ring, 0, address(page(0)), 16, DESC_NEXT, 1);
		ring_set(ring, 1, addr, len, (uint16_t)(flags | DESC_NEXT), 2);
		ring_set(ring, 2, address(page(2)), 1, DESC_WRITE, 0);
	}
	post_everywhere(device);
}

/* 3 and 4: at the last byte, across the end, in a hole, around 2^64; lengths 0 and 2^32 - 1. */
static void edges(struct device *device)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} buffers[] = {
		{ MEMORY_BYTES - 1, 1 },
		{ MEMORY_BYTES - 1, 2 },
		{ MEMORY_BYTES - 512, 513 },
		{ MEMORY_BYTES, 1 },
		{ MEMORY_BYTES, 512 },
		{ HOLE, 512 },
		{ 0xfee00000, 64 },
		{ 0xc0000000, 4096 },
		{ 0x100000000, 512 },
		{ 0xfffffffffffffff0, 0x20 },
		{ 0xffffffffffffffff, 1 },
		{ 0xffffffff00000000, 0xffffffff },
		{ 0x8000000000000000, 512 },
		{ 0, 0xffffffff },
		{ 0x2000000, 0xffffffff },
		{ 0x2000000, 0 },
		{ MEMORY_BYTES - 4096, 4096 },
		{ 1, MEMORY_BYTES },
	};

	for (unsigned i = 0; i < sizeof(buffers) / sizeof(*buffers); i++) {
		/* Written to at low addresses, it would overwrite this guest. */
		bool writable = buffers[i].addr >= 0x2000000 && buffers[i].len != 0xffffffff;

		one_buffer(device, buffers[i].addr, buffers[i].len, 0);
		if (writable)
			one_buffer(device, buffers[i].addr, buffers[i].len, DESC_WRITE);
	}
}

/* 5: each ring outside of memory, across its end, misaligned, on top of another. */
static void places(struct device *device)
{
	static const uint64_t bad[] = { MEMORY_BYTES,	    MEMORY_BYTES - 16,	HOLE,
					0xfffffffffffffff0, 0xffffffffffff0000, 0x100000000,
					0x3000001,	    0x3000008,		0xfee00000 };

	for (unsigned n = 0; n < sizeof(bad) / sizeof(*bad); n++) {
		for (unsigned part = 0; part < 4; part++) {
			uint64_t at[3] = { 0x3000000, 0x3004000, 0x3008000 };

			for (unsigned i = 0; i < 3; i++)
				if (part == i || part == 3)
					at[i] = bad[n];
			device_negotiate(device, 0);
			device_set_up_queues(device);
			device_negotiate(device, 0);
			for (unsigned queue = 0; queue < device->n_queues; queue++)
				device_place_queue(device, queue, at[0], at[1], at[2],
						   device->rings[queue].size);
			set8(device->common + COMMON_STATUS, 15);
			for (unsigned queue = 0; queue < device->n_queues; queue++)
				device_notify(device, queue);
			pause_a_little(10);
		}
	}
}

/* 6: an index that jumps further than the ring is long; one that moves while the device drains. */
static void indices(struct device *device)
{
	static const uint16_t jumps[] = { 0x8000, 0xffff, 0x4001, 257 };

	for (unsigned n = 0; n < sizeof(jumps) / sizeof(*jumps); n++) {
		restart(device);
		for (unsigned i = 0; i < device->n_queues; i++) {
			device->rings[i].avail[1] = jumps[n];
			device_notify(device, i);
		}
		pause_a_little(30);
	}
	restart(device);
	for (unsigned i = 0; i < device->n_queues; i++) {
		struct ring *ring = &device->rings[i];

		memset(page(0), 0, 64);
		ring_set(ring, 0, address(page(0)), 16, 0, 0);
		for (unsigned k = 0; k < 20000; k++) {
			ring->avail[1] = (uint16_t)(ring->avail[1] + 1);
			if (k % 64 == 0)
				device_notify(device, i);
		}
	}
	pause_a_little(30);
}

/* 7: one head many times in flight. */
static void twice(struct device *device)
{
	for (unsigned round = 0; round < 20; round++) {
		restart(device);
		memset(page(0), 0, 64);
		EACH_RING(device, ring)
		{
			ring_set(ring, 0, address(page(0)), 16, DESC_NEXT, 1);
			ring_set(ring, 1, address(page(1)), 4096, DESC_NEXT | DESC_WRITE, 2);
			ring_set(ring, 2, address(page(2)), 1, DESC_WRITE, 0);
			for (unsigned i = 0; i < ring->size; i++)
				ring_post(ring, 0);
		}
		for (unsigned i = 0; i < device->n_queues; i++)
			device_notify(device, i);
		/* Some rounds leave it all in flight when the next begins. */
		pause_a_little(round * 5);
	}
}

/* 6 again: descriptors that change while the device reads them. */
static void changing(struct device *device)
{
	restart(device);
	memset(page(0), 0, 64);
	for (unsigned k = 0; k < 300; k++) {
		EACH_RING(device, ring)
		{
			ring_set(ring, 0, address(page(0)), 16, DESC_NEXT, 1);
			ring_set(ring, 1, address(page(1)), 512, DESC_NEXT | DESC_WRITE, 2);
			ring_set(ring, 2, address(page(2)), 1, DESC_WRITE, 0);
			ring_post(ring, 0);
		}
		for (unsigned i = 0; i < device->n_queues; i++)
			device_notify(device, i);
		EACH_RING(device, ring)
		{
			ring->desc[1].len = 0xffffffff;
			ring->desc[1].addr = HOLE;
			ring->desc[2].flags = DESC_NEXT;
			ring->desc[2].next = 1;
		}
	}
	pause_a_little(30);
}

const struct attack ring_attacks[] = {
	{ "1 loops", loops, 0 },
	{ "2 indirect tables", indirect, 0 },
	{ "3-4 buffers", edges, 0 },
	{ "5 places of rings", places, 0 },
	{ "6 indices", indices, 0 },
	{ "7 one head twice", twice, 0 },
	{ "6 changing chains", changing, 0 },
};
const unsigned n_ring_attacks = sizeof(ring_attacks) / sizeof(*ring_attacks);
