/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio driver that does as it is told. */
#include "tests/kvm/hostile/virtio.h"

#define VENDOR	       0x1af4
#define DEVICE_FIRST   0x1040
#define RINGS	       0x1000000u /* 64 KiB a queue */
#define PAGES	       0x2000000u
#define PATIENCE_STEPS 10000
#define FEATURE_RO     (1u << 5)
#define MAC_OF_ECHO    0x0e /* its last byte: what is sent there comes back */

static void find_parts(struct device *device)
{
	unsigned at = config_read32(device->slot, 0x34) & 0xfc;

	for (unsigned n = 0; at && n < 16; n++) {
		uint32_t head = config_read32(device->slot, at);
		uint32_t type = head >> 24;
		uint32_t offset = config_read32(device->slot, at + 8);
		volatile uint8_t *where = (volatile uint8_t *)(uintptr_t)(device->bar + offset);

		if ((head & 0xff) == 9 && type == 1)
			device->common = where;
		if ((head & 0xff) == 9 && type == 2) {
			device->notify = where;
			device->notify_multiplier = config_read32(device->slot, at + 16);
		}
		if ((head & 0xff) == 9 && type == 4)
			device->config = where;
		at = head >> 8 & 0xfc;
	}
}

static const char *name_of(const struct device *device)
{
	switch (device->id) {
	case ID_NET:
		return "net";
	case ID_BLOCK:
		return device->read_only ? "read-only block" : "block";
	case ID_RNG:
		return "rng";
	case ID_VSOCK:
		return "vsock";
	case ID_FS:
		return "fs";
	default:
		return "device";
	}
}

unsigned devices_find(struct device *devices)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < 32 && n < DEVICES_MAX; slot++) {
		uint32_t id = config_read32(slot, 0);
		struct device *device = &devices[n];

		if ((id & 0xffff) != VENDOR || id >> 16 < DEVICE_FIRST)
			continue;
		*device = (struct device){ .slot = slot, .id = (id >> 16) - DEVICE_FIRST };
		device->bar = config_read32(slot, 0x10) & ~15u;
		config_write32(slot, 4, 6); /* memory, bus master */
		find_parts(device);
		device->n_queues = get16(device->common + 0x12);
		if (device->n_queues > QUEUES_MAX)
			device->n_queues = QUEUES_MAX;
		set32(device->common + COMMON_FEATURE_SELECT, 0);
		device->read_only = device->id == ID_BLOCK &&
				    (get32(device->common + COMMON_FEATURE) & FEATURE_RO);
		device->name = name_of(device);
		n++;
	}
	return n;
}

void device_reset(struct device *device)
{
	set8(device->common + COMMON_STATUS, 0);
	for (unsigned i = 0; i < PATIENCE_STEPS && device->common[COMMON_STATUS]; i++)
		pause_a_little(1);
}

void device_negotiate(struct device *device, uint32_t without)
{
	volatile uint8_t *common = device->common;
	uint32_t low;

	device_reset(device);
	set8(common + COMMON_STATUS, STATUS_ACK);
	set8(common + COMMON_STATUS, STATUS_ACK | STATUS_DRIVER);
	set32(common + COMMON_FEATURE_SELECT, 0);
	low = get32(common + COMMON_FEATURE) & ~without;
	set32(common + COMMON_DRIVER_FEATURE_SELECT, 0);
	set32(common + COMMON_DRIVER_FEATURE, low);
	set32(common + COMMON_DRIVER_FEATURE_SELECT, 1);
	set32(common + COMMON_DRIVER_FEATURE, 1); /* VERSION_1 */
	set8(common + COMMON_STATUS, STATUS_ACK | STATUS_DRIVER | STATUS_FEATURES_OK);
}

void device_place_queue(struct device *device, unsigned queue, uint64_t desc, uint64_t avail,
			uint64_t used, uint16_t size)
{
	volatile uint8_t *common = device->common;

	set16(common + COMMON_QUEUE_SELECT, (uint16_t)queue);
	set16(common + COMMON_QUEUE_SIZE, size);
	set64(common + COMMON_QUEUE_DESC, desc);
	set64(common + COMMON_QUEUE_AVAIL, avail);
	set64(common + COMMON_QUEUE_USED, used);
	set16(common + COMMON_QUEUE_ENABLE, 1);
}

void device_set_up_queues(struct device *device)
{
	for (unsigned i = 0; i < device->n_queues; i++) {
		uint32_t at = RINGS + (device->slot * QUEUES_MAX + i) * 0x10000u;
		struct ring *ring = &device->rings[i];

		set16(device->common + COMMON_QUEUE_SELECT, (uint16_t)i);
		ring->size = get16(device->common + COMMON_QUEUE_SIZE);
		if (ring->size > RING_MAX)
			ring->size = RING_MAX;
		ring->seen = 0;
		ring->desc = (volatile struct desc *)(uintptr_t)at;
		ring->avail = (volatile uint16_t *)(uintptr_t)(at + 0x4000);
		ring->used = (volatile uint16_t *)(uintptr_t)(at + 0x8000);
		memset((void *)(uintptr_t)at, 0, 16u * RING_MAX);
		memset((void *)(uintptr_t)(at + 0x4000), 0, 4 + 2 * RING_MAX);
		memset((void *)(uintptr_t)(at + 0x8000), 0, 4 + 8 * RING_MAX);
		device_place_queue(device, i, at, at + 0x4000, at + 0x8000, ring->size);
	}
}

void device_start(struct device *device)
{
	device_negotiate(device, 1u << 29); /* not EVENT_IDX: each used entry may be waited for */
	device_set_up_queues(device);
	set8(device->common + COMMON_STATUS,
	     STATUS_ACK | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

void device_notify(struct device *device, unsigned queue)
{
	barrier();
	set16(device->notify + queue * device->notify_multiplier, (uint16_t)queue);
}

void ring_set(struct ring *ring, uint16_t index, uint64_t addr, uint32_t len, uint16_t flags,
	      uint16_t next)
{
	volatile struct desc *desc = &ring->desc[index];

	desc->addr = addr;
	desc->len = len;
	desc->flags = flags;
	desc->next = next;
}

void ring_post(struct ring *ring, uint16_t head)
{
	uint16_t index = ring->avail[1];

	ring->avail[2 + index % ring->size] = head;
	barrier();
	ring->avail[1] = (uint16_t)(index + 1);
}

bool ring_take(struct ring *ring, uint32_t *ret_head, uint32_t *ret_len)
{
	const volatile uint32_t *entries = (const volatile uint32_t *)(ring->used + 2);

	for (unsigned i = 0; i < PATIENCE_STEPS; i++) {
		if (ring->used[1] != ring->seen) {
			unsigned at = ring->seen % ring->size;

			*ret_head = entries[2 * at];
			*ret_len = entries[2 * at + 1];
			ring->seen++;
			return true;
		}
		pause_a_little(1);
	}
	return false;
}

uint8_t *page(unsigned n)
{
	return (uint8_t *)(uintptr_t)(PAGES + n * 4096);
}

static bool rng_works(struct device *device)
{
	struct ring *ring = &device->rings[0];
	uint32_t head, len;

	ring_set(ring, 0, address(page(0)), 16, DESC_WRITE, 0);
	ring_post(ring, 0);
	device_notify(device, 0);
	return ring_take(ring, &head, &len) && head == 0 && len >= 1 && len <= 16;
}

static bool block_works(struct device *device)
{
	struct ring *ring = &device->rings[0];
	uint8_t *header = page(0), *data = page(1), *status = page(2);
	uint32_t head, len;

	memset(header, 0, 16); /* IN, sector 0 */
	*status = 0xff;
	ring_set(ring, 0, address(header), 16, DESC_NEXT, 1);
	ring_set(ring, 1, address(data), 512, DESC_NEXT | DESC_WRITE, 2);
	ring_set(ring, 2, address(status), 1, DESC_WRITE, 0);
	ring_post(ring, 0);
	device_notify(device, 0);
	return ring_take(ring, &head, &len) && head == 0 && len == 513 &&
	       *(volatile uint8_t *)status == 0;
}

/* A request to a port that nobody listens on is answered with a reset. */
static bool vsock_works(struct device *device)
{
	struct ring *rx = &device->rings[0], *tx = &device->rings[1];
	volatile uint32_t *sent = (volatile uint32_t *)page(0);
	volatile uint32_t *received = (volatile uint32_t *)page(1);
	uint32_t head, len;

	memset(page(0), 0, 64);
	memset(page(1), 0, 64);
	sent[0] = get32(device->config); /* source CID */
	sent[2] = 2;			 /* the host */
	sent[4] = 777;
	sent[5] = 999999;
	sent[7] = 1 | 1u << 16; /* stream, REQUEST */
	sent[9] = 65536;
	for (uint16_t i = 0; i < 4; i++) {
		ring_set(rx, i, address(page(1 + i)), 4096, DESC_WRITE, 0);
		ring_post(rx, i);
	}
	device_notify(device, 0);
	ring_set(tx, 0, address(page(0)), 44, 0, 0);
	ring_post(tx, 0);
	device_notify(device, 1);
	/* Others may be asking for a connection in the meantime. */
	for (unsigned i = 0; i < 200; i++) {
		if (!ring_take(rx, &head, &len) || len < 44)
			return false;
		received = (volatile uint32_t *)page(1 + head % 4);
		if (received[7] >> 16 == 3 && received[5] == 777)
			return true;
		ring_post(rx, (uint16_t)head);
		device_notify(device, 0);
	}
	return false;
}

/* A frame is taken; the other end of one interface sends it back. */
static bool net_works(struct device *device)
{
	struct ring *rx = &device->rings[0], *tx = &device->rings[1];
	bool sent = false, came_back = device->config[5] != MAC_OF_ECHO;
	uint8_t *frame = page(0), *received;
	uint32_t head, len;

	memset(frame, 0, 12 + 60);
	memset(frame + 12, 0xff, 6); /* to all */
	memset(frame + 18, 2, 6);
	frame[24] = 0x88; /* for experiments */
	frame[25] = 0xb5;
	frame[71] = 0x77;
	for (uint16_t i = 0; i < 16; i++) {
		ring_set(rx, i, address(page(1 + i)), 4096, DESC_WRITE, 0);
		ring_post(rx, i);
	}
	device_notify(device, 0);
	ring_set(tx, 0, address(frame), 12 + 60, 0, 0);
	ring_post(tx, 0);
	device_notify(device, 1);
	/* Frames of the attack may still be on their way back, and stand in the way of this one. */
	for (unsigned i = 0; i < 20 * PATIENCE_STEPS && !(sent && came_back); i++) {
		if (!sent && tx->used[1] != tx->seen)
			sent = ring_take(tx, &head, &len) && head == 0;
		if (rx->used[1] == rx->seen) {
			pause_a_little(1);
			continue;
		}
		if (!ring_take(rx, &head, &len) || head >= 16)
			return false;
		received = page(1 + head);
		came_back |= len == 12 + 60 && received[25] == 0xb5 && received[71] == 0x77;
		ring_post(rx, (uint16_t)head);
		device_notify(device, 0);
	}
	return sent && came_back;
}

/* FUSE_INIT, which the file server answers. */
static bool fs_works(struct device *device)
{
	struct ring *ring = &device->rings[1];
	volatile uint32_t *request = (volatile uint32_t *)page(0);
	volatile uint32_t *reply = (volatile uint32_t *)page(1);
	uint32_t head, len;

	memset(page(0), 0, 128);
	memset(page(1), 0, 128);
	request[0] = 40 + 16;
	request[1] = 26;
	request[2] = 42;
	request[10] = 7;
	request[11] = 31;
	request[12] = 65536;
	ring_set(ring, 0, address(request), 56, DESC_NEXT, 1);
	ring_set(ring, 1, address(reply), 4096, DESC_WRITE, 0);
	ring_post(ring, 0);
	device_notify(device, 1);
	return ring_take(ring, &head, &len) && len >= 16 && reply[2] == 42;
}

bool device_works(struct device *device)
{
	device_start(device);
	switch (device->id) {
	case ID_RNG:
		return rng_works(device);
	case ID_BLOCK:
		return block_works(device);
	case ID_VSOCK:
		return vsock_works(device);
	case ID_NET:
		return net_works(device);
	case ID_FS:
		return fs_works(device);
	default:
		return device->common[COMMON_STATUS] & STATUS_DRIVER_OK;
	}
}
