/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the guest: fills receive buffers with the packets that connections owe and the bytes
 * that their host sockets hold, in turn. See vsock.c for how the parts work together.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_PUMP_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/cleanup.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/vsock-connection.h"
#include "vmm/virtio/vsock-packet.h"

/* One read fills at most so many receive buffers, of at most so many pieces in all. */
#define VSOCK_BATCH_CHAINS 32u
#define VSOCK_BATCH_IOV	   512u

/* RSTs that wait for receive buffers and belong to no connection. */
#define VSOCK_RESETS_MAX 64u

/* conn had its turn: its state, readiness and credit may have changed. */
typedef void vsock_served_fn(void *ctx, struct vsock_connection *conn);

/* Receive buffers that one read fills. */
struct vsock_batch {
	struct virtq_chain chains[VSOCK_BATCH_CHAINS];
	uint32_t room[VSOCK_BATCH_CHAINS]; /* how much of the read each takes */
	unsigned n_chains;
	struct iovec iov[VSOCK_BATCH_IOV];
	size_t n_iov;
	size_t room_bytes; /* of all */
};

/* What is set once: dev, queue, served, ctx. The rest zeroed is empty. */
struct vsock_pump {
	struct virtio_device *dev;
	uint16_t queue; /* the index of the receive queue */
	vsock_served_fn *served;
	void *ctx;

	struct vsock_connection *first, *last;	      /* ready ones, in the order of their turns */
	struct vsock_header resets[VSOCK_RESETS_MAX]; /* a ring */
	unsigned resets_start, n_resets;
	bool starved; /* until the driver notifies us of receive buffers */
	struct vsock_batch batch;
};

/* A ready connection waits for its turn; one that waits already keeps its place. */
void vsock_pump_enqueue(struct vsock_pump *pump, struct vsock_connection *conn);
/* Fine for one that does not wait. */
void vsock_pump_dequeue(struct vsock_pump *pump, struct vsock_connection *conn);

static inline bool vsock_pump_has_room(const struct vsock_pump *pump)
{
	return pump->n_resets < VSOCK_RESETS_MAX;
}

/* Answers a packet with RST, unless it is one. There must be room. */
void vsock_pump_refuse(struct vsock_pump *pump, const struct vsock_header *header);

/* The driver made receive buffers available. */
void vsock_pump_notified(struct vsock_pump *pump);

/*
 * Sends while there is something to send and a buffer to put it into, up to a limit, after which it
 * asks for a notification of the queue. Signals nobody. May find the driver to be broken
 * (dev->active).
 */
void vsock_pump_run(struct vsock_pump *pump);

/* Forgets all that waits. */
void vsock_pump_clear(struct vsock_pump *pump);

#endif
