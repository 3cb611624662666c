/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the guest: receive buffers, the queue of ready connections, and their turns. */
#include "vmm/virtio/vsock-pump.h"

#include <assert.h>

/* Receive buffers for one run. */
#define RUN_BUDGET 256u

void vsock_pump_enqueue(struct vsock_pump *pump, struct vsock_connection *conn)
{
	if (conn->queued)
		return;
	conn->queued = true;
	conn->queue_next = NULL;
	conn->queue_prev = pump->last;
	if (pump->last)
		pump->last->queue_next = conn;
	else
		pump->first = conn;
	pump->last = conn;
}

void vsock_pump_dequeue(struct vsock_pump *pump, struct vsock_connection *conn)
{
	if (!conn->queued)
		return;
	conn->queued = false;
	if (conn->queue_prev)
		conn->queue_prev->queue_next = conn->queue_next;
	else
		pump->first = conn->queue_next;
	if (conn->queue_next)
		conn->queue_next->queue_prev = conn->queue_prev;
	else
		pump->last = conn->queue_prev;
}

void vsock_pump_clear(struct vsock_pump *pump)
{
	while (pump->first)
		vsock_pump_dequeue(pump, pump->first);
	pump->n_resets = 0;
	pump->starved = false;
}

void vsock_pump_refuse(struct vsock_pump *pump, const struct vsock_header *header)
{
	unsigned end = (pump->resets_start + pump->n_resets) % VSOCK_RESETS_MAX;

	if (header->op == VSOCK_OP_RST)
		return;
	assert(vsock_pump_has_room(pump));
	vsock_header_refuse(header, &pump->resets[end]);
	pump->n_resets++;
}

void vsock_pump_notified(struct vsock_pump *pump)
{
	(void)virtq_arm(&pump->dev->queues[pump->queue], false);
	pump->starved = false;
}

/* A receive buffer. False if there is none; with arm the driver then notifies us of the next. */
static bool take_buffer(struct vsock_pump *pump, bool arm, struct virtq_chain *ret_chain)
{
	struct virtq *vq = &pump->dev->queues[pump->queue];
	int r = virtq_pop(vq, ret_chain);

	if (r == VIRTQ_E_EMPTY && arm) {
		if (virtq_arm(vq, true))
			r = virtq_pop(vq, ret_chain);
		pump->starved = r == VIRTQ_E_EMPTY;
	}
	if (r == VIRTQ_E_BROKEN) {
		virtio_device_broken(pump->dev, vq->broken);
	} else if (r == 0 && ret_chain->in_bytes <= VSOCK_HEADER_BYTES) {
		virtio_device_broken(pump->dev, "a receive buffer without room for a packet");
		return false;
	}
	return r == 0;
}

/* The payload is in place already. */
static void give_packet(struct vsock_pump *pump, const struct virtq_chain *chain,
			const struct vsock_header *header)
{
	struct virtq *vq = &pump->dev->queues[pump->queue];
	uint8_t bytes[VSOCK_HEADER_BYTES];

	vsock_header_encode(header, bytes);
	if (!virtq_chain_write(chain, 0, bytes, sizeof(bytes)) ||
	    virtq_push(vq, chain->head, VSOCK_HEADER_BYTES + header->len_bytes) != 0)
		virtio_device_broken(pump->dev, "a receive queue that went away");
}

/* Takes the receive buffers for one read, as many as conn is likely to fill and has credit for. */
static bool batch_take(struct vsock_pump *pump, const struct vsock_connection *conn,
		       uint32_t credit)
{
	struct vsock_batch *batch = &pump->batch;

	batch->n_chains = 0;
	batch->n_iov = 0;
	batch->room_bytes = 0;
	while (batch->n_chains < conn->rx_chains && credit > 0 &&
	       batch->n_iov + VIRTQ_CHAIN_MAX <= VSOCK_BATCH_IOV) {
		struct virtq_chain *chain = &batch->chains[batch->n_chains];
		uint32_t room;

		if (!take_buffer(pump, batch->n_chains == 0, chain))
			break;
		room = MIN(chain->in_bytes - VSOCK_HEADER_BYTES, credit);
		batch->n_iov += vsock_slice(chain->iov + chain->n_out, chain->n_in,
					    VSOCK_HEADER_BYTES, room, batch->iov + batch->n_iov);
		batch->room[batch->n_chains++] = room;
		batch->room_bytes += room;
		credit -= room;
	}
	return batch->n_chains > 0 && pump->dev->active;
}

/* Makes packets of the bytes read and puts the other buffers back. */
static void batch_give(struct vsock_pump *pump, struct vsock_connection *conn, size_t got_bytes)
{
	struct vsock_batch *batch = &pump->batch;
	unsigned used = 0;

	for (size_t sum = 0; sum < got_bytes; used++)
		sum += batch->room[used];
	for (unsigned i = batch->n_chains; i > used; i--)
		virtq_unpop(&pump->dev->queues[pump->queue], batch->chains[i - 1].head);
	for (unsigned i = 0; i < used; i++) {
		uint32_t part = (uint32_t)MIN(got_bytes, (size_t)batch->room[i]);
		struct vsock_header header;

		vsock_connection_data(conn, part, &header);
		give_packet(pump, &batch->chains[i], &header);
		got_bytes -= part;
	}
	batch->n_chains = used;
}

/* One read into as many buffers as it fills. Returns how many. */
static unsigned send_data(struct vsock_pump *pump, struct vsock_connection *conn)
{
	struct vsock_batch *batch = &pump->batch;
	uint32_t credit = vsock_connection_credit(conn);
	size_t got;

	if (credit == 0 || !batch_take(pump, conn, credit))
		return 0;
	got = vsock_connection_read(conn, batch->iov, batch->n_iov);
	batch_give(pump, conn, got);
	/* A stream that fills its buffers gets more of them, up to the limit; others the few they
	 * need. */
	if (got == batch->room_bytes) {
		conn->rx_chains = (uint16_t)MIN(2u * conn->rx_chains, VSOCK_BATCH_CHAINS);
	} else {
		conn->rx_chains = (uint16_t)MAX(batch->n_chains, 1u);
		conn->readable = false;
	}
	return batch->n_chains;
}

static void send_owed(struct vsock_pump *pump, struct vsock_connection *conn)
{
	struct vsock_header header;
	struct virtq_chain chain;

	if (!take_buffer(pump, true, &chain))
		return;
	vsock_connection_next(conn, &header);
	give_packet(pump, &chain, &header);
}

/* Gives conn its turn. Returns how many receive buffers it took. */
static unsigned serve(struct vsock_pump *pump, struct vsock_connection *conn)
{
	unsigned used = 0;

	if (conn->owes) {
		send_owed(pump, conn);
		used = 1;
	} else if (vsock_connection_is_ready(conn)) {
		used = send_data(pump, conn);
	}
	/* Without buffers it was no turn, so it keeps its place. */
	if (!pump->starved) {
		vsock_pump_dequeue(pump, conn);
		if (vsock_connection_is_ready(conn))
			vsock_pump_enqueue(pump, conn);
	}
	pump->served(pump->ctx, conn);
	return MAX(used, 1u);
}

static bool send_reset(struct vsock_pump *pump)
{
	struct virtq_chain chain;

	if (!take_buffer(pump, true, &chain))
		return false;
	give_packet(pump, &chain, &pump->resets[pump->resets_start]);
	pump->resets_start = (pump->resets_start + 1) % VSOCK_RESETS_MAX;
	pump->n_resets--;
	return true;
}

void vsock_pump_run(struct vsock_pump *pump)
{
	unsigned used = 0;

	while (pump->dev->active && !pump->starved && used < RUN_BUDGET) {
		if (pump->n_resets > 0) {
			if (!send_reset(pump))
				return;
			used++;
		} else if (pump->first) {
			used += serve(pump, pump->first);
		} else {
			return;
		}
	}
	if (used >= RUN_BUDGET)
		virtio_device_kick(pump->dev, pump->queue);
}
