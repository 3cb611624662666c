/* SPDX-License-Identifier: Apache-2.0 */
/* Attacks by what devices are asked for: blocks, packets, file requests. */
#include "tests/kvm/hostile/attacks.h"

#define PATTERN 0xa5

enum { IN, OUT, FLUSH = 4, GET_ID = 8, DISCARD = 11, WRITE_ZEROES = 13 };

/* One block request; the used length, or 0xffffffff when none came. */
static uint32_t block_request(struct device *device, uint32_t type, uint64_t sector,
			      uint32_t data_len, bool to_guest)
{
	struct ring *ring = &device->rings[0];
	volatile uint32_t *header = (volatile uint32_t *)page(0);
	uint32_t head, len;

	header[0] = type;
	header[1] = 0;
	header[2] = (uint32_t)sector;
	header[3] = (uint32_t)(sector >> 32);
	memset(page(1), PATTERN, 4096);
	*page(9) = 0xff;
	ring_set(ring, 0, address(header), 16, DESC_NEXT, 1);
	ring_set(ring, 1, address(page(1)), data_len, DESC_NEXT | (to_guest ? DESC_WRITE : 0), 2);
	ring_set(ring, 2, address(page(9)), 1, DESC_WRITE, 0);
	ring_post(ring, 0);
	device_notify(device, 0);
	return ring_take(ring, &head, &len) ? len : 0xffffffff;
}

static void expect(bool holds, const char *what)
{
	if (!holds)
		failed(what);
}

/* No more was written than is said, and what is refused brings no bytes of the host's. */
static void refused(struct device *device, uint32_t type, uint64_t sector, uint32_t len)
{
	uint32_t used = block_request(device, type, sector, len, type == IN || type == GET_ID);
	volatile uint8_t *status = page(9);
	unsigned touched = 0;

	if (used == 0xffffffff) {
		device_start(device);
		return;
	}
	for (unsigned i = 0; i < 4096; i++)
		touched += page(1)[i] != PATTERN;
	expect(*status == 1 || *status == 2, "a request that cannot be done was not refused");
	expect(used <= len + 1, "more is said to be used than there was room for");
	expect(touched == 0, "a refused request wrote to the guest's memory");
}

/* 12: sectors that overflow, extreme discards, no status, a short header, a disk not to be written.
 */
static void block(struct device *device)
{
	static const uint64_t sectors[] = { 0x7fffffffffffff, 0x80000000000000, 0xffffffffffffffff,
					    0xfffffffffffffff8, 1u << 30 };
	volatile uint32_t *range = (volatile uint32_t *)page(1);
	struct ring *ring = &device->rings[0];

	device_start(device);
	for (unsigned i = 0; i < sizeof(sectors) / sizeof(*sectors); i++) {
		refused(device, IN, sectors[i], 512);
		refused(device, OUT, sectors[i], 512);
		refused(device, DISCARD, sectors[i], 16);
		refused(device, WRITE_ZEROES, sectors[i], 16);
	}
	refused(device, 77, 0, 512);
	refused(device, 0xffffffff, 0, 512);
	if (device->read_only) {
		refused(device, OUT, 0, 512);
		refused(device, WRITE_ZEROES, 0, 16);
	}
	/* Ranges that overflow, in a request whose header is fine. */
	for (unsigned i = 0; i < 8; i++) {
		(void)block_request(device, i % 2 ? DISCARD : WRITE_ZEROES, 0, 16 * (i / 2), false);
		memset(page(1), 0xff, 4096);
		range[2] = i < 4 ? 0xffffffff : 1;
		ring_post(ring, 0);
		device_notify(device, 0);
		pause_a_little(30);
		device_start(device);
	}
	/* A header cut short, and no room for a status. */
	for (unsigned len = 0; len < 17; len += 4) {
		device_start(device);
		ring_set(ring, 0, address(page(0)), len, 0, 0);
		ring_post(ring, 0);
		device_notify(device, 0);
		pause_a_little(10);
		device_start(device);
		ring_set(ring, 0, address(page(0)), len, DESC_NEXT, 1);
		ring_set(ring, 1, address(page(9)), 0, DESC_WRITE, 0);
		ring_post(ring, 0);
		device_notify(device, 0);
		pause_a_little(10);
	}
}

/* Of what is read, only what the host wrote: an rng's used length, and the bytes behind it. */
static void entropy(struct device *device)
{
	struct ring *ring = &device->rings[0];
	uint32_t head, len;

	device_start(device);
	memset(page(0), PATTERN, 4096);
	ring_set(ring, 0, address(page(0)), 8, DESC_WRITE | DESC_NEXT, 1);
	ring_set(ring, 1, address(page(1)), 0x1f00000, DESC_WRITE, 0);
	ring_post(ring, 0);
	device_notify(device, 0);
	if (!ring_take(ring, &head, &len))
		failed("a large buffer is never answered");
	else if (len > 1u << 20)
		failed("a guest sizes the host's reads");
	for (unsigned i = 8; i < 4096; i++) {
		if (page(0)[i] != PATTERN) {
			failed("bytes behind the buffer were written");
			break;
		}
	}
}

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

enum { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST };

static void fill_rx(struct device *device)
{
	struct ring *rx = &device->rings[0];

	for (uint16_t i = 0; i < 32; i++) {
		ring_set(rx, i, address(page(64 + i)), 4096, DESC_WRITE, 0);
		ring_post(rx, i);
	}
	device_notify(device, 0);
}

static void send(struct device *device, const struct packet *packet, uint32_t buffer_len)
{
	struct ring *tx = &device->rings[1];
	uint16_t slot = tx->avail[1] % 64;

	memcpy(page(10 + slot % 32), packet, sizeof(*packet));
	ring_set(tx, slot, address(page(10 + slot % 32)), buffer_len, 0, 0);
	ring_post(tx, slot);
}

static struct packet packet_to_host(struct device *device, uint16_t op)
{
	return (struct packet){ .src_cid = get32(device->config),
				.dst_cid = 2,
				.src_port = 52,
				.dst_port = 1000,
				.type = 1,
				.op = op,
				.buf_alloc = 65536 };
}

/* A packet that the host sends of this kind; NULL when none comes. */
static const struct packet *await(struct device *device, uint16_t op)
{
	struct ring *rx = &device->rings[0];
	uint32_t head, len;

	for (unsigned i = 0; i < 64; i++) {
		const struct packet *packet;

		if (!ring_take(rx, &head, &len))
			return NULL;
		packet = (const struct packet *)page(64 + head % 32);
		if (len >= sizeof(*packet) && packet->op == op)
			return packet;
		ring_post(rx, (uint16_t)head);
		device_notify(device, 0);
	}
	return NULL;
}

/* 13, without a connection: ops, lengths, types and CIDs that are none; 100,000 requests. */
static void vsock_packets(struct device *device)
{
	static const uint32_t lengths[] = { 0, 1, 44, 43, 4096, 0xffffffff };

	for (unsigned op = 0; op < 10; op++) {
		for (unsigned n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
			struct packet packet = packet_to_host(device, (uint16_t)op);

			device_start(device);
			fill_rx(device);
			packet.len = lengths[n];
			send(device, &packet, sizeof(packet));
			send(device, &packet, lengths[n] > 4096 ? 20 : lengths[n]);
			packet.src_cid = 0xffffffffffffffff - n;
			send(device, &packet, sizeof(packet));
			packet = packet_to_host(device, (uint16_t)op);
			packet.dst_cid = n;
			packet.type = (uint16_t)(n + 1);
			send(device, &packet, sizeof(packet));
			device_notify(device, 1);
			pause_a_little(10);
		}
	}
}

/* 13: a receive queue that is never filled, and 100,000 requests; in later rounds fewer. */
static void vsock_flood(struct device *device)
{
	static unsigned requests = 100000;
	struct ring *tx = &device->rings[1];

	device_start(device);
	for (unsigned n = 0; n < requests; n++) {
		struct packet packet = packet_to_host(device, REQUEST);

		packet.src_port = n;
		packet.dst_port = n % 7 ? n : 1024;
		send(device, &packet, sizeof(packet));
		if (n % 64 != 63)
			continue;
		device_notify(device, 1);
		for (unsigned i = 0; i < 5 && (uint16_t)(tx->avail[1] - tx->used[1]) > 64; i++)
			pause_a_little(1);
	}
	requests = 5000;
	pause_a_little(500);
}

/* 13, on a connection that the host's client opened: credit that lies. */
static void vsock_credit(struct device *device)
{
	static const struct {
		uint32_t buf_alloc, fwd_cnt;
	} lies[] = { { 0, 0 }, { 0xffffffff, 0 }, { 65536, 0xffffffff },      { 65536, 0x80000000 },
		     { 1, 0 }, { 0, 0xffffffff }, { 0xffffffff, 0x7fffffff }, { 65536, 12345 } };

	for (unsigned n = 0; n < sizeof(lies) / sizeof(*lies); n++) {
		const struct packet *request;
		struct packet packet;

		device_start(device);
		fill_rx(device);
		request = await(device, REQUEST);
		if (!request) {
			failed("the host's client did not connect");
			return;
		}
		packet = packet_to_host(device, RESPONSE);
		packet.src_port = request->dst_port;
		packet.dst_port = request->src_port;
		send(device, &packet, sizeof(packet));
		packet.buf_alloc = lies[n].buf_alloc;
		packet.fwd_cnt = lies[n].fwd_cnt;
		packet.op = CREDIT_UPDATE;
		send(device, &packet, sizeof(packet));
		packet.op = CREDIT_REQUEST;
		send(device, &packet, sizeof(packet));
		packet.op = RW; /* beyond the host's window, too */
		for (unsigned i = 0; i < 60; i++) {
			packet.len = 4096 - sizeof(packet);
			send(device, &packet, 4096);
		}
		packet.op = SHUTDOWN;
		packet.flags = n;
		packet.len = 0;
		send(device, &packet, sizeof(packet));
		packet.op = RESPONSE;
		send(device, &packet, sizeof(packet));
		device_notify(device, 1);
		pause_a_little(300);
	}
}

/* 15: file requests with a wrong length or unique, FORGET below zero, "..", unknown operations. */
static void file_requests(struct device *device)
{
	static const uint32_t lengths[] = { 0, 1, 39, 40, 41, 56, 4096, 0xffffffff };
	static const uint32_t ops[] = { 0,  1,	2,  3,	5,  14, 15,   16,
					26, 35, 42, 46, 48, 77, 4096, 0xffffffff };
	volatile uint32_t *request = (volatile uint32_t *)page(0);

	for (unsigned i = 0; i < 3 * sizeof(ops) / sizeof(*ops); i++) {
		struct ring *ring = &device->rings[1];
		uint32_t op = ops[i / 3], len = lengths[i % (sizeof(lengths) / sizeof(*lengths))];

		if (i % 3 == 0)
			(void)device_works(device); /* with FUSE_INIT done */
		memset(page(0), 0, 256);
		request[0] = len;
		request[1] = op;
		request[2] = i % 2 ? 42 : 0xffffffff;
		request[4] = i % 3 ? 1 : 0xffffffff; /* node */
		request[10] = 0xffffffff;	     /* FORGET's count; a name's bytes */
		request[11] = i % 2 ? 0xffffffff : 0x002e2e;
		ring_set(ring, 0, address(request), i % 4 ? 64 : 40, DESC_NEXT, 1);
		ring_set(ring, 1, address(page(1)), i % 2 ? 4096 : 8, DESC_WRITE, 0);
		ring_post(ring, 0);
		device_notify(device, 1);
		pause_a_little(10);
	}
}

const struct attack device_attacks[] = {
	{ "12 block requests", block, ID_BLOCK },
	{ "12 used lengths", entropy, ID_RNG },
	{ "13 packets", vsock_packets, ID_VSOCK },
	{ "13 a flood of requests", vsock_flood, ID_VSOCK },
	{ "13 credit", vsock_credit, ID_VSOCK },
	{ "15 file requests", file_requests, ID_FS },
};
const unsigned n_device_attacks = sizeof(device_attacks) / sizeof(*device_attacks);
