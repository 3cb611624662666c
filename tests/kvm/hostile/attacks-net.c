/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by frames, by where frames are to be received, and by commands of the control queue. */
#include "tests/kvm/hostile/attacks.h"

#define FRAME_BYTES  60
#define HEADER_BYTES 12

struct header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_bytes, checksum_start, checksum_offset, n_buffers;
} __attribute__((packed));

static void post_frame(struct device *device, uint16_t slot, const struct header *header,
		       uint32_t len)
{
	struct ring *tx = &device->rings[1];
	uint8_t *frame = page(10 + slot % 32);

	memcpy(frame, header, sizeof(*header));
	memset(frame + HEADER_BYTES, 0xff, 6);
	memset(frame + HEADER_BYTES + 6, 2, 6);
	ring_set(tx, slot, address(frame), len, 0, 0);
	ring_post(tx, slot);
}

static void post_room(struct device *device, uint32_t len, uint16_t flags)
{
	struct ring *rx = &device->rings[0];

	for (uint16_t i = 0; i < 16; i++) {
		ring_set(rx, i, address(page(64 + i)), len, flags, (uint16_t)((i + 1) % 16));
		ring_post(rx, i);
	}
	device_notify(device, 0);
}

/* Headers that ask for what does not fit the frame; frames of no length, and of all of memory. */
static void headers(struct device *device)
{
	static const struct header bad[] = {
		{ .flags = 1, .checksum_start = 0xffff, .checksum_offset = 0xffff },
		{ .flags = 1, .checksum_start = 59, .checksum_offset = 2 },
		{ .flags = 0xff, .gso_type = 0xff },
		{ .gso_type = 1, .header_bytes = 0xffff, .gso_bytes = 1 },
		{ .gso_type = 1, .header_bytes = 54, .gso_bytes = 0 },
		{ .flags = 1, .gso_type = 4, .header_bytes = 0, .gso_bytes = 0xffff },
		{ .flags = 1, .gso_type = 5, .header_bytes = 14, .gso_bytes = 1 },
		{ .gso_type = 0x80 },
		{ .flags = 1, .gso_type = 0x81, .checksum_start = 34, .checksum_offset = 16 },
		{ .n_buffers = 0xffff },
	};
	static const uint32_t lengths[] = { 0,	1,    11,    12,    13,	   25,	      26,
					    72, 4096, 65535, 65569, 65600, 0x1000000, 0x1f00000 };

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		device_start(device);
		post_room(device, 4096, DESC_WRITE);
		for (uint16_t n = 0; n < sizeof(lengths) / sizeof(*lengths); n++)
			post_frame(device, n, &bad[i], lengths[n]);
		device_notify(device, 1);
		pause_a_little(100);
	}
}

/* Room for frames that is too small, not to be written, one descriptor behind another. */
static void room(struct device *device)
{
	static const uint32_t lengths[] = { 0, 1, 11, 12, 13, 59, 71 };
	static const struct header fine;

	for (unsigned i = 0; i < 3 * sizeof(lengths) / sizeof(*lengths); i++) {
		static const uint16_t flags[] = { DESC_WRITE, 0, DESC_WRITE | DESC_NEXT };

		device_start(device);
		post_room(device, lengths[i / 3], flags[i % 3]);
		for (uint16_t n = 0; n < 40; n++)
			post_frame(device, n, &fine, HEADER_BYTES + FRAME_BYTES);
		device_notify(device, 1);
		pause_a_little(100);
	}
}

/* Frames without end, with nowhere to put those that come back. */
static void flood(struct device *device)
{
	static const struct header fine;
	struct ring *tx = &device->rings[1];

	device_start(device);
	for (unsigned n = 0; n < 20000; n++) {
		post_frame(device, (uint16_t)(n % 64), &fine, HEADER_BYTES + FRAME_BYTES);
		if (n % 32 != 31)
			continue;
		device_notify(device, 1);
		for (unsigned i = 0; i < 5 && (uint16_t)(tx->avail[1] - tx->used[1]) > 64; i++)
			pause_a_little(1);
	}
	pause_a_little(500);
}

static void command(struct device *device, unsigned class, unsigned number, uint32_t data_len,
		    bool room_for_answer)
{
	unsigned queue = device->n_queues - 1;
	struct ring *control = &device->rings[queue];
	uint8_t *text = page(3);

	text[0] = (uint8_t) class;
	text[1] = (uint8_t)number;
	ring_set(control, 0, address(text), 2, DESC_NEXT, 1);
	ring_set(control, 1, address(page(4)), data_len, room_for_answer ? DESC_NEXT : 0, 2);
	ring_set(control, 2, address(page(9)), room_for_answer ? 1 : 0, DESC_WRITE, 0);
	ring_post(control, 0);
	device_notify(device, queue);
}

/* Each class and command, with data of every length; tables of addresses that are not there. */
static void control(struct device *device)
{
	static const uint32_t lengths[] = { 0, 1, 2, 4, 8, 12, 4096 };
	static const uint32_t counts[] = { 0, 1, 64, 65, 682, 683, 0x2aaaaaab, 0xffffffff };

	for (unsigned n = 0; n < 2 * sizeof(lengths) / sizeof(*lengths); n++) {
		device_start(device);
		memset(page(4), n % 2 ? 0xff : 0, 4096);
		for (unsigned class = 0; class < 8; class ++)
			for (unsigned number = 0; number < 7; number++)
				command(device, class, number, lengths[n / 2], n % 3 != 2);
		command(device, 255, 255, lengths[n / 2], true);
		pause_a_little(50);
	}
	for (unsigned n = 0; n < sizeof(counts) / sizeof(*counts); n++) {
		device_start(device);
		memset(page(4), 0, 4096);
		*(volatile uint32_t *)page(4) = counts[n];
		for (unsigned i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
			command(device, 1, 0, lengths[i], true);
		/* Pairs of queues that are not there, and all that there are. */
		for (uint16_t pairs = 0; pairs < 10; pairs++) {
			*(volatile uint16_t *)page(4) = pairs < 9 ? pairs : 0xffff;
			command(device, 4, 0, 2, true);
		}
		pause_a_little(50);
	}
}

const struct attack net_attacks[] = {
	{ "frames", headers, ID_NET },
	{ "room for frames", room, ID_NET },
	{ "a flood of frames", flood, ID_NET },
	{ "control commands", control, ID_NET },
};
const unsigned n_net_attacks = sizeof(net_attacks) / sizeof(*net_attacks);
