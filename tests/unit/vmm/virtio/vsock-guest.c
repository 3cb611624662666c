/* SPDX-License-Identifier: Apache-2.0 */
/* The guest of the vsock tests: its driver, its packets, and the host's sockets opposite. */
#include "tests/unit/vmm/virtio/vsock-guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fd.h"
#include "vmm/virtio/vsock-table.h"
#include "vmm/virtio/vsock.h"

void guest_new_rings(struct guest *guest)
{
	guest->tx_gpa =
		fake_driver_alloc(&guest->driver, VSOCK_HEADER_BYTES + GUEST_TX_PAYLOAD_MAX);
	for (unsigned i = 0; i < GUEST_RX_BUFFERS_MAX; i++)
		guest->rx_gpa[i] = 0;
}

static void init(struct guest *guest, int uds_listen_fd, unsigned timeout_ms)
{
	struct vsock_config config = {
		.guest_cid = VSOCK_GUEST_CID,
		.uds_listen_fd = uds_listen_fd,
		.connect_timeout_ms = timeout_ms,
		.close_timeout_ms = timeout_ms,
	};
	struct virtio_device *dev;
	struct err err = ERR_INIT;
	int link[2];

	memset(guest, 0, sizeof(*guest));
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, link), 0);
	guest->link = link[0];
	config.link_fd = link[1];
	assert_int_equal(vsock_new(&config, &dev, &err), 0);
	fake_driver_init(&guest->driver);
	fake_driver_attach(&guest->driver, dev, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX);
	guest_new_rings(guest);
	guest->guest_port = GUEST_PORT;
	guest->host_port = HOST_PORT;
	guest->buf_alloc = 262144;
	guest->type = VSOCK_TYPE_STREAM;
	guest->src_cid = VSOCK_GUEST_CID;
	guest->dst_cid = VSOCK_CID_HOST;
}

void guest_init(struct guest *guest, int uds_listen_fd)
{
	init(guest, uds_listen_fd, 30000);
}

void guest_init_impatient(struct guest *guest)
{
	init(guest, -1, 50);
}

void guest_fini(struct guest *guest)
{
	fake_driver_fini(&guest->driver);
	close(guest->link);
}

void guest_add_buffer(struct guest *guest)
{
	struct fake_ring *ring = &guest->driver.rings[GUEST_RX];
	struct fake_buffer buffer = { .len = GUEST_RX_BUFFER_BYTES, .writable = true };

	if (!guest->rx_gpa[ring->next_desc])
		guest->rx_gpa[ring->next_desc] =
			fake_driver_alloc(&guest->driver, GUEST_RX_BUFFER_BYTES);
	buffer.gpa = guest->rx_gpa[ring->next_desc];
	(void)fake_driver_add(&guest->driver, GUEST_RX, &buffer, 1);
}

void guest_add_buffers(struct guest *guest, unsigned n)
{
	while (n-- > 0)
		guest_add_buffer(guest);
	fake_driver_kick(&guest->driver, GUEST_RX);
}

/* Takes the next packet for the guest; its buffer is not made available again. */
bool guest_try_recv(struct guest *guest, int timeout_ms)
{
	uint32_t head, len;
	uint8_t *bytes;

	if (!fake_driver_wait_used(&guest->driver, GUEST_RX, timeout_ms, &head, &len))
		return false;
	assert_true(len >= VSOCK_HEADER_BYTES && len <= GUEST_RX_BUFFER_BYTES);
	bytes = fake_driver_at(&guest->driver, guest->rx_gpa[head], len);
	vsock_header_decode(bytes, &guest->last);
	assert_int_equal(guest->last.len_bytes, len - VSOCK_HEADER_BYTES);
	memcpy(guest->payload, bytes + VSOCK_HEADER_BYTES, guest->last.len_bytes);
	return true;
}

void guest_recv(struct guest *guest)
{
	if (!guest_try_recv(guest, GUEST_SOON_MS))
		fail_msg("no packet came");
}

/* The next packet must be this one, for the ports in use. */
void guest_recv_op(struct guest *guest, enum vsock_op op)
{
	guest_recv(guest);
	assert_int_equal(guest->last.op, op);
	assert_int_equal(guest->last.src_port, guest->host_port);
	assert_int_equal(guest->last.dst_port, guest->guest_port);
	assert_int_equal(guest->last.dst_cid, VSOCK_GUEST_CID);
}

void guest_recv_nothing(struct guest *guest)
{
	if (guest_try_recv(guest, GUEST_NEVER_MS))
		fail_msg("a packet came: op %u", guest->last.op);
}

void guest_write_header(struct guest *guest, enum vsock_op op, uint32_t flags, uint32_t len)
{
	struct vsock_header header = {
		.src_cid = guest->src_cid,
		.dst_cid = guest->dst_cid,
		.src_port = guest->guest_port,
		.dst_port = guest->host_port,
		.len_bytes = len,
		.type = guest->type,
		.op = (uint16_t)op,
		.flags = flags,
		.buf_alloc = guest->buf_alloc,
		.fwd_cnt = guest->fwd_cnt,
	};

	vsock_header_encode(&header,
			    fake_driver_at(&guest->driver, guest->tx_gpa, VSOCK_HEADER_BYTES));
}

/* Makes the packet at tx_gpa available, the payload as a buffer of its own. */
void guest_submit(struct guest *guest, uint32_t len)
{
	struct fake_buffer buffers[2] = {
		{ .gpa = guest->tx_gpa, .len = VSOCK_HEADER_BYTES },
		{ .gpa = guest->tx_gpa + VSOCK_HEADER_BYTES, .len = len },
	};

	(void)fake_driver_add(&guest->driver, GUEST_TX, buffers, len > 0 ? 2 : 1);
	fake_driver_kick(&guest->driver, GUEST_TX);
}

void guest_send(struct guest *guest, enum vsock_op op, uint32_t flags, const void *bytes,
		uint32_t len)
{
	guest_write_header(guest, op, flags, len);
	if (len > 0)
		memcpy(fake_driver_at(&guest->driver, guest->tx_gpa + VSOCK_HEADER_BYTES, len),
		       bytes, len);
	guest_submit(guest, len);
	if (!fake_driver_wait_used(&guest->driver, GUEST_TX, GUEST_SOON_MS, NULL, NULL))
		fail_msg("the device did not take a packet");
}

void guest_send_op(struct guest *guest, enum vsock_op op)
{
	guest_send(guest, op, 0, NULL, 0);
}

void guest_send_bytes(struct guest *guest, const void *bytes, uint32_t len)
{
	guest_send(guest, VSOCK_OP_RW, 0, bytes, len);
}

/* The shim gets a connection from the guest; its socket. */
int guest_take_from_link(struct guest *guest, uint32_t expected_port)
{
	struct vsock_link_message message;
	size_t n_fds = 1;
	int fd = -1;

	assert_int_equal(fd_recv(guest->link, &message, sizeof(message), &fd, &n_fds),
			 sizeof(message));
	assert_int_equal(n_fds, 1);
	assert_int_equal(message.port, expected_port);
	assert_int_equal(fd_set_nonblock(fd, 1), 0);
	return fd;
}

/* The guest connects; the host's end. */
int guest_connect(struct guest *guest)
{
	guest_send_op(guest, VSOCK_OP_REQUEST);
	guest_recv_op(guest, VSOCK_OP_RESPONSE);
	return guest_take_from_link(guest, guest->host_port);
}

/* The shim asks for a port of the guest; its end. */
int guest_ask_by_link(struct guest *guest, uint32_t port)
{
	struct vsock_link_message message = { .port = port };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair),
			 0);
	assert_int_equal(fd_send(guest->link, &message, sizeof(message), &pair[1], 1), 0);
	close(pair[1]);
	return pair[0];
}

/* The guest sees the request and takes over its ports. */
void guest_recv_request(struct guest *guest, uint32_t port)
{
	guest_recv(guest);
	assert_int_equal(guest->last.op, VSOCK_OP_REQUEST);
	assert_int_equal(guest->last.dst_port, port);
	assert_true(guest->last.src_port >= VSOCK_HOST_PORT_FIRST);
	guest->guest_port = port;
	guest->host_port = guest->last.src_port;
}

void guest_step(struct guest *guest, unsigned n)
{
	while (n-- > 0)
		fake_driver_step(&guest->driver, 0);
}

/* Waits for len bytes at fd, with the device running. */
void host_reads(struct guest *guest, int fd, void *bytes, size_t len)
{
	int64_t deadline_ms = clock_monotonic_ms() + GUEST_SOON_MS;
	size_t got = 0;

	while (got < len) {
		ssize_t n = recv(fd, (uint8_t *)bytes + got, len - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else if (n == 0 || clock_monotonic_ms() > deadline_ms)
			fail_msg("the stream ended after %zu of %zu bytes", got, len);
		else
			fake_driver_step(&guest->driver, 1);
	}
}

void host_sees_text(struct guest *guest, int fd, const char *text)
{
	char bytes[64];

	host_reads(guest, fd, bytes, strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

void host_sees_end(struct guest *guest, int fd)
{
	int64_t deadline_ms = clock_monotonic_ms() + GUEST_SOON_MS;
	char byte;
	ssize_t n;

	while ((n = recv(fd, &byte, 1, MSG_DONTWAIT)) < 0) {
		assert_int_equal(errno, EAGAIN);
		if (clock_monotonic_ms() > deadline_ms)
			fail_msg("the stream did not end");
		fake_driver_step(&guest->driver, 1);
	}
	assert_int_equal(n, 0);
}

void host_writes(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL), strlen(text));
}

/* The device must sleep: its loop has nothing to do for that long. */
void guest_assert_asleep(struct guest *guest)
{
	struct timespec before, after;
	int64_t spent_us;

	guest_step(guest, 4);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (int64_t end = clock_monotonic_ms() + 100; clock_monotonic_ms() < end;)
		fake_driver_step(&guest->driver, 20);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	spent_us =
		(after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
	assert_true(spent_us < 20000);
}

unsigned host_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Sends from the guest until the host's socket is full and len more bytes are pending. */
uint32_t guest_fill_host(struct guest *guest, int fd)
{
	static uint8_t bytes[GUEST_TX_PAYLOAD_MAX];
	uint32_t total = 0;
	struct pollfd room = { .fd = fd, .events = POLLOUT };

	assert_int_equal(poll(&room, 1, 0), 1);
	/* A socket's buffer is below 256 KiB, and as much may be pending: 384 KiB fill one, not the
	 * other. */
	for (; total < 384u * 1024; total += (uint32_t)sizeof(bytes)) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((total + i) * 7 >> 3);
		guest_send_bytes(guest, bytes, sizeof(bytes));
	}
	return total;
}

void guest_drain_host(struct guest *guest, int fd, uint32_t total)
{
	static uint8_t bytes[GUEST_TX_PAYLOAD_MAX];

	for (uint32_t got = 0; got < total; got += (uint32_t)sizeof(bytes)) {
		host_reads(guest, fd, bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], (uint8_t)((got + i) * 7 >> 3));
	}
}
