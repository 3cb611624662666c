/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split virtqueue, seen from the device: the only reader of rings and descriptors, second of
 * the four walls. Each ring index and each descriptor is copied once and checked before it means
 * anything. What comes out is a chain of host buffers that lie wholly in guest memory.
 *
 * A guest that breaks the ring's rules gets VIRTQ_E_BROKEN: the queue then stays broken until it is
 * reset, and the transport sets DEVICE_NEEDS_RESET (virtio 1.2, 2.1.2). No call here logs.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VIRTQ_H
#define KATA_LIKE_VMM_VIRTIO_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "lib/cleanup.h"
#include "vmm/mem/guestmem.h"

#define VIRTQ_SIZE_MAX 256u

/*
 * The most buffers one chain may have, indirect ones included. A longer chain breaks the queue; the
 * devices say so to the driver in their configuration (seg_max) where the specification lets them.
 */
#define VIRTQ_CHAIN_MAX 130u

/* Positive results: the guest's doing. */
#define VIRTQ_E_EMPTY  1 /* no chain is available */
#define VIRTQ_E_BROKEN 2 /* the ring is malformed; see virtq.broken */

struct virtq_state {
	/* As the driver set them through the transport; fixed once ready. */
	uint16_t size; /* a power of two, at most VIRTQ_SIZE_MAX */
	bool ready;
	gpa_t desc, avail, used;
	bool event_idx; /* VIRTIO_F_EVENT_IDX was negotiated */
	/* Where we are (virtio 1.2, 2.7). */
	uint16_t avail_next, used_next, used_signalled;
};

struct virtq {
	const struct guestmem *mem;
	struct virtq_state state;	       /* all there is to save and load */
	const char *broken;		       /* why, or NULL; a string constant */
	uint8_t in_flight[VIRTQ_SIZE_MAX / 8]; /* heads popped and not yet pushed */
	/* Where the rings lie in our memory, while ready: found by virtq_enable(). */
	uint8_t *desc, *avail, *used;
};

/*
 * One request as the driver gave it: first what the device reads, then what it writes. The buffers
 * are the guest's and may change under the reader's eyes. Contract: n_out + n_in >= 1; every buffer
 * has len >= 1 and lies in guest memory; out_bytes and in_bytes are the sums and do not overflow.
 * Nothing else is promised: buffers may overlap each other and the ring itself.
 */
struct virtq_chain {
	uint16_t head;
	uint16_t n_out, n_in;
	uint32_t out_bytes, in_bytes;
	struct iovec iov[VIRTQ_CHAIN_MAX]; /* n_out readable ones, then n_in writable ones */
};

void virtq_init(struct virtq *vq, const struct guestmem *mem);

/* Back to what init left, for a device reset. */
void virtq_reset(struct virtq *vq);

/*
 * Called when the driver enables the queue, or once a saved state was loaded: checks size,
 * alignment and that the three rings lie in guest memory. 0, or VIRTQ_E_BROKEN with vq->broken set.
 */
int virtq_enable(struct virtq *vq) _must_check_;

/* Takes the next available chain. 0, VIRTQ_E_EMPTY or VIRTQ_E_BROKEN. */
int virtq_pop(struct virtq *vq, struct virtq_chain *ret_chain) _must_check_;

/*
 * Gives a chain back with the bytes that were written to its writable part (clamped to in_bytes by
 * the caller; never more than was really written, so nothing stale leaks). Any order. 0 or
 * VIRTQ_E_BROKEN.
 */
int virtq_push(struct virtq *vq, uint16_t head, uint32_t written_bytes) _must_check_;

/*
 * The same in two steps, for chains that the driver must see come back at once: any number is
 * staged, then all of them are published. Nothing else is pushed in between.
 */
int virtq_stage(struct virtq *vq, uint16_t head, uint32_t written_bytes) _must_check_;
void virtq_publish(struct virtq *vq);

/*
 * Of a queue that another process served until it went away: which chains it took and never gave
 * back, room for VIRTQ_SIZE_MAX heads. virtq_pop() goes on behind them; each of them is for
 * virtq_take(). What that process left in the rings is believed no more than what the driver did.
 * 0 or VIRTQ_E_BROKEN.
 */
int virtq_recover(struct virtq *vq, uint16_t *ret_heads, unsigned *ret_n) _must_check_;

/* Takes the chain with that head, of which virtq_recover() told. 0 or VIRTQ_E_BROKEN. */
int virtq_take(struct virtq *vq, uint16_t head, struct virtq_chain *ret_chain) _must_check_;

/* Puts back the chain popped last, untouched: the next pop takes it again. */
void virtq_unpop(struct virtq *vq, uint16_t head);

/* True if the driver wants an interrupt for what was pushed since the last call (EVENT_IDX obeyed).
 */
bool virtq_should_signal(struct virtq *vq) _must_check_;

/*
 * Asks the driver to notify us about new buffers (arm true) or not to. With arm true returns
 * whether a chain became available meanwhile: pop again then, no notification will come for it.
 */
bool virtq_arm(struct virtq *vq, bool arm);

/* Copies from the readable part, starting skip bytes in. False if it has fewer than skip + len
 * bytes. */
bool virtq_chain_read(const struct virtq_chain *chain, uint32_t skip_bytes, void *dst,
		      uint32_t len_bytes) _must_check_;
/* Copies into the writable part, starting skip bytes in. False if there is less room. */
bool virtq_chain_write(const struct virtq_chain *chain, uint32_t skip_bytes, const void *src,
		       uint32_t len_bytes) _must_check_;

#endif
