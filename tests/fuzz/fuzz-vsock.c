/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the whole vsock device. The input is a script of commands, of the guest's and of the
 * host's: see run(). The device must survive, and leave no descriptor behind.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "proto/vsock-link.h"
#include "vmm/virtio/vsock-packet.h"
#include "vmm/virtio/vsock.h"

#define RX 0
#define TX 1

#define MEM_BYTES  (1u << 20)
#define RINGS_GPA  0x1000u
#define RING_BYTES 0x2000u
#define RX_GPA	   0x20000u
#define TX_GPA	   0x80000u
#define RING_SIZE  128u
#define SOCKETS	   8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
};

struct world {
	struct guestmem mem;
	struct loop *loop;
	pthread_mutex_t lock;
	struct virtio_device *dev;
	uint16_t avail_idx[3];
	unsigned kicks[3];
	int link;
	int sockets[SOCKETS]; /* the host's ends, -1 where there is none */
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t take8(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->data++;
}

static uint32_t take32(struct input *input)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | take8(input);
	return value;
}

static void on_signal(struct virtio_device *dev, uint16_t queue)
{
	(void)dev;
	(void)queue;
}

static void on_kick(struct virtio_device *dev, uint16_t queue)
{
	((struct world *)dev->transport)->kicks[queue]++;
}

static void on_config_or_reset(struct virtio_device *dev)
{
	(void)dev;
}

static void *at(struct world *world, gpa_t gpa, uint64_t len)
{
	void *host = guestmem_at(&world->mem, gpa, len);

	require(host != NULL);
	return host;
}

static void start_driver(struct world *world, bool event_idx)
{
	struct virtio_device *dev = world->dev;

	for (uint16_t i = 0; i < dev->ops->n_queues; i++) {
		struct virtq *vq = &dev->queues[i];
		gpa_t gpa = RINGS_GPA + RING_BYTES * i;

		memset(at(world, gpa, RING_BYTES), 0, RING_BYTES);
		world->avail_idx[i] = 0;
		vq->state.size = dev->ops->queue_sizes[i];
		vq->state.desc = gpa;
		vq->state.avail = gpa + 0x1000;
		vq->state.used = gpa + 0x1800;
		vq->state.event_idx = event_idx;
		require(virtq_enable(vq) == 0);
	}
	dev->active = true;
	dev->ops->activate(dev);
}

static void notify(struct world *world, uint16_t queue)
{
	pthread_mutex_lock(&world->lock);
	if (world->dev->active)
		world->dev->ops->notify(world->dev, queue);
	pthread_mutex_unlock(&world->lock);
}

static void reset(struct world *world)
{
	struct virtio_device *dev = world->dev;

	pthread_mutex_lock(&world->lock);
	dev->active = false;
	dev->ops->reset(dev);
	for (uint16_t i = 0; i < dev->ops->n_queues; i++)
		virtq_reset(&dev->queues[i]);
	memset(world->kicks, 0, sizeof(world->kicks));
	pthread_mutex_unlock(&world->lock);
}

/* One buffer as a chain; may well be one that is in flight. */
static void add(struct world *world, uint16_t queue, gpa_t gpa, uint32_t len, uint16_t flags)
{
	uint16_t index = (uint16_t)(world->avail_idx[queue] % RING_SIZE), zero = 0;
	gpa_t ring = RINGS_GPA + RING_BYTES * queue;
	uint8_t *desc = at(world, ring + 16u * index, 16);

	memcpy(desc, &gpa, 8);
	memcpy(desc + 8, &len, 4);
	memcpy(desc + 12, &flags, 2);
	memcpy(desc + 14, &zero, 2);
	memcpy(at(world, ring + 0x1000 + 4 + 2u * index, 2), &index, 2);
	world->avail_idx[queue]++;
	memcpy(at(world, ring + 0x1000 + 2, 2), &world->avail_idx[queue], 2);
}

static void send_packet(struct world *world, struct input *input)
{
	static const uint32_t credits[] = { 0, 1, 100, 65536, 262144, UINT32_MAX };
	uint8_t what = take8(input), ports = take8(input), credit = take8(input);
	struct vsock_header header = {
		.src_cid = VSOCK_GUEST_CID,
		.dst_cid = VSOCK_CID_HOST,
		.src_port = ports & 7u,
		.dst_port = ports & 128u ? 0x40000000u + (ports >> 3 & 15u) : ports >> 3 & 15u,
		.type = VSOCK_TYPE_STREAM,
		.op = what & 7u,
		.flags = what >> 3 & 3u,
		.len_bytes = what & 32u ? take32(input) % 65536u : 16,
		.buf_alloc = credits[credit % ARRAY_SIZE(credits)],
		.fwd_cnt = credit & 128u ? take32(input) : 0,
	};

	vsock_header_encode(&header, at(world, TX_GPA, VSOCK_HEADER_BYTES));
	add(world, TX, TX_GPA, VSOCK_HEADER_BYTES + header.len_bytes, 0);
	notify(world, TX);
}

static void send_raw(struct world *world, struct input *input)
{
	uint32_t len = take8(input);
	uint8_t *bytes = at(world, TX_GPA, 256);

	for (uint32_t i = 0; i < len; i++)
		bytes[i] = take8(input);
	add(world, TX, TX_GPA, len, 0);
	notify(world, TX);
}

static void add_receive_buffers(struct world *world, struct input *input)
{
	uint8_t how = take8(input);
	uint32_t len = how & 128u ? take8(input) : 4096u;

	for (unsigned n = how & 63u; n > 0; n--)
		add(world, RX, RX_GPA + 4096u * (n % 64u), len, 2);
	notify(world, RX);
}

static int *free_socket(struct world *world)
{
	for (unsigned i = 0; i < SOCKETS; i++) {
		if (world->sockets[i] < 0)
			return &world->sockets[i];
	}
	return NULL;
}

static void connect_by_link(struct world *world, struct input *input)
{
	struct vsock_link_message message = { .port = take8(input) & 7u };
	int *slot = free_socket(world);
	int pair[2];

	if (!slot)
		return;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	*slot = pair[0];
	if (fd_send(world->link, &message, sizeof(message), &pair[1], 1) < 0)
		(void)!write(pair[0], "", 0);
	close(pair[1]);
}

static void take_from_link(struct world *world)
{
	struct vsock_link_message message;
	size_t n_fds = 1;
	int *slot = free_socket(world);
	int fd;

	if (fd_recv(world->link, &message, sizeof(message), &fd, &n_fds) <= 0 || n_fds == 0)
		return;
	if (slot)
		*slot = fd;
	else
		close(fd);
}

static void use_socket(struct world *world, struct input *input)
{
	static uint8_t bytes[65536];
	uint8_t how = take8(input);
	int *fd = &world->sockets[how & (SOCKETS - 1u)];

	if (*fd < 0)
		return;
	switch (how >> 3 & 7u) {
	case 0:
		(void)!send(*fd, bytes, take8(input), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 1:
		(void)!send(*fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 2:
		(void)!recv(*fd, bytes, take8(input), MSG_DONTWAIT);
		break;
	case 3:
		while (recv(*fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			continue;
		break;
	case 4:
		(void)shutdown(*fd, SHUT_WR);
		break;
	case 5:
		(void)shutdown(*fd, SHUT_RD);
		break;
	default:
		close(*fd);
		*fd = -1;
		break;
	}
}

static void run_loop(struct world *world, int timeout_ms)
{
	for (int i = 0; i < 4; i++) {
		require(loop_step(world->loop, i == 0 ? timeout_ms : 0) == 0);
		for (uint16_t q = 0; q < ARRAY_SIZE(world->kicks); q++) {
			if (world->kicks[q] > 0) {
				world->kicks[q] = 0;
				notify(world, q);
			}
		}
	}
}

static void run(struct world *world, struct input *input)
{
	unsigned waits = 0;

	for (unsigned n = 0; input->left > 0 && n < 256; n++) {
		switch (take8(input) % 12u) {
		case 0:
		case 1:
		case 2:
			send_packet(world, input);
			break;
		case 3:
			send_raw(world, input);
			break;
		case 4:
			add_receive_buffers(world, input);
			break;
		case 5:
			connect_by_link(world, input);
			break;
		case 6:
			take_from_link(world);
			break;
		case 7:
		case 8:
			use_socket(world, input);
			break;
		case 9:
			reset(world);
			start_driver(world, take8(input) & 1u);
			break;
		case 10:
			run_loop(world, 0);
			break;
		default:
			/* Long enough for timeouts to pass, but not often: it is time lost to
			 * fuzzing. */
			run_loop(world, waits++ < 2 ? 2 : 0);
			break;
		}
	}
}

static int lowest_free_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);

	require(fd >= 0);
	close(fd);
	return fd;
}

static void world_init(struct world *world)
{
	struct vsock_config config = {
		.guest_cid = VSOCK_GUEST_CID,
		.uds_listen_fd = -1,
		.connect_timeout_ms = 1,
		.close_timeout_ms = 1,
	};
	int link[2];

	memset(world, 0, sizeof(*world));
	for (unsigned i = 0; i < SOCKETS; i++)
		world->sockets[i] = -1;
	require(pthread_mutex_init(&world->lock, NULL) == 0);
	require(guestmem_init(&world->mem, MEM_BYTES, 1u << 30, 1ull << 32, NULL) == 0);
	require(loop_new(&world->loop, NULL) == 0);
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, link) == 0);
	world->link = link[0];
	config.link_fd = link[1];
	require(vsock_new(&config, &world->dev, NULL) == 0);
	world->dev->mem = &world->mem;
	world->dev->loop = world->loop;
	world->dev->lock = &world->lock;
	world->dev->transport = world;
	world->dev->complaints = RATELIMIT_INIT(1, 1000);
	world->dev->signal_queue = on_signal;
	world->dev->kick_queue = on_kick;
	world->dev->signal_config = world->dev->needs_reset = on_config_or_reset;
	for (uint16_t i = 0; i < world->dev->ops->n_queues; i++)
		virtq_init(&world->dev->queues[i], &world->mem);
	require(world->dev->ops->attach(world->dev, NULL) == 0);
	start_driver(world, true);
}

static void world_fini(struct world *world)
{
	reset(world);
	world->dev->ops->free(world->dev);
	for (unsigned i = 0; i < SOCKETS; i++)
		cleanup_fd(&world->sockets[i]);
	close(world->link);
	loop_free(world->loop);
	guestmem_fini(&world->mem);
	pthread_mutex_destroy(&world->lock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct world world;
	int fd = lowest_free_fd();

	log_init("fuzz-vsock", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	world_init(&world);
	run(&world, &input);
	world_fini(&world);
	require(lowest_free_fd() == fd);
	return 0;
}
