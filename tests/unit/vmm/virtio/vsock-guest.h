/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of the vsock tests: its driver, its packets, and the host's sockets opposite. Whatever
 * does not go as the name of a function says fails the test.
 */
#ifndef KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_VSOCK_GUEST_H
#define KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_VSOCK_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/vsock-link.h"
#include "tests/unit/vmm/virtio/fake-driver.h"
#include "vmm/virtio/vsock-packet.h"

#define GUEST_RX 0
#define GUEST_TX 1

#define GUEST_PORT 5000u
#define HOST_PORT  2000u

#define GUEST_RX_BUFFER_BYTES 4096u
#define GUEST_RX_BUFFERS_MAX  128u
#define GUEST_TX_PAYLOAD_MAX  65536u

/* How long to wait for what must come, and for what must not. */
#define GUEST_SOON_MS  20000
#define GUEST_NEVER_MS 30

struct guest {
	struct fake_driver driver;
	int link;			    /* the shim's end */
	gpa_t tx_gpa;			    /* of the packet to send */
	gpa_t rx_gpa[GUEST_RX_BUFFERS_MAX]; /* by the head of the descriptor */
	/* What the next packet's header says; the ports are also those that guest_recv_op()
	 * expects. */
	uint32_t guest_port, host_port;
	uint32_t buf_alloc, fwd_cnt;
	uint16_t type;
	uint64_t src_cid, dst_cid;
	/* What guest_recv() got. */
	struct vsock_header last;
	uint8_t payload[GUEST_RX_BUFFER_BYTES];
};

/* A device, a shim and a driver. Owns uds_listen_fd, which may be -1. */
void guest_init(struct guest *guest, int uds_listen_fd);
/* The same, with a device that gives a silent peer up after 50 ms. */
void guest_init_impatient(struct guest *guest);
void guest_fini(struct guest *guest);
/* After fake_driver_restart(). */
void guest_new_rings(struct guest *guest);

/* Makes receive buffers available; the first does not notify the device. */
void guest_add_buffer(struct guest *guest);
void guest_add_buffers(struct guest *guest, unsigned n);

/* Takes the next packet; its buffer is not made available again. False if none came in time. */
bool guest_try_recv(struct guest *guest, int timeout_ms);
void guest_recv(struct guest *guest);
void guest_recv_op(struct guest *guest, enum vsock_op op);
void guest_recv_nothing(struct guest *guest);
/* A request for port came; the guest takes over its ports. */
void guest_recv_request(struct guest *guest, uint32_t port);

/* Writes a header; makes the packet available, header and len bytes of payload; both, and sees it
 * taken. */
void guest_write_header(struct guest *guest, enum vsock_op op, uint32_t flags, uint32_t len);
void guest_submit(struct guest *guest, uint32_t len);
void guest_send(struct guest *guest, enum vsock_op op, uint32_t flags, const void *bytes,
		uint32_t len);
void guest_send_op(struct guest *guest, enum vsock_op op);
void guest_send_bytes(struct guest *guest, const void *bytes, uint32_t len);

/* The guest connects; the host's socket. */
int guest_connect(struct guest *guest);
/* The socket of a connection that the shim gets. */
int guest_take_from_link(struct guest *guest, uint32_t expected_port);
/* The shim asks for a port of the guest; its socket. */
int guest_ask_by_link(struct guest *guest, uint32_t port);

/* Runs the device's loop n times without waiting. */
void guest_step(struct guest *guest, unsigned n);
/* The device's loop must have nothing to do for a while. */
void guest_assert_asleep(struct guest *guest);

/* What the host sees at its socket, with the device running. */
void host_reads(struct guest *guest, int fd, void *bytes, size_t len);
void host_sees_text(struct guest *guest, int fd, const char *text);
void host_sees_end(struct guest *guest, int fd);
void host_writes(int fd, const char *text);
unsigned host_count_fds(void);

/* Sends until the host's socket is full and more is pending; how many bytes. Then reads and checks
 * them. */
uint32_t guest_fill_host(struct guest *guest, int fd);
void guest_drain_host(struct guest *guest, int fd, uint32_t total);

#endif
