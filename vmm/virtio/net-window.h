/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receive window: chains taken from a receive queue ahead of time, so that a frame can be read
 * straight into guest memory before anybody knows how long it is. What a frame did not use stays
 * for the next one, and each chain is looked at once.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_WINDOW_H
#define KATA_LIKE_VMM_VIRTIO_NET_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/virtio/virtq.h"

#define NET_WINDOW_PARTS  512u
#define NET_WINDOW_CHAINS VIRTQ_SIZE_MAX

struct net_window_chain {
	uint16_t head, n_parts;
	uint32_t bytes;
};

struct net_window {
	unsigned first_part, n_parts, first_chain, n_chains;
	uint64_t bytes; /* of all chains */
	/* One more, for whoever reads into the window to see that a frame was longer. */
	struct iovec parts[NET_WINDOW_PARTS + 1];
	struct net_window_chain chains[NET_WINDOW_CHAINS];
};

/* Forgets all chains: their queue was reset. */
void net_window_reset(struct net_window *window);

/*
 * Takes chains until the window has room for wanted_bytes, in max_chains at most. 0 when it has, or
 * when more chains would not fit; VIRTQ_E_EMPTY; VIRTQ_E_BROKEN, with vq->broken set.
 */
int net_window_fill(struct net_window *window, struct virtq *vq, uint64_t wanted_bytes,
		    unsigned max_chains) _must_check_;

/* The parts in order; net_window.n_parts of them, and one more that the caller may set. */
struct iovec *net_window_parts(struct net_window *window);

/* Copy out of the window's front, and into it behind so many bytes. False if it has less. */
bool net_window_read(struct net_window *window, void *dst, uint32_t len_bytes) _must_check_;
bool net_window_write(struct net_window *window, uint32_t skip_bytes, const void *src,
		      uint32_t len_bytes) _must_check_;

/*
 * Gives the driver a frame of frame_bytes (header included, not more than the window has) that
 * was read into the window, in as many chains as it takes, whose number goes into the header. 0 or
 * VIRTQ_E_BROKEN. How many chains it took: *ret_n.
 */
int net_window_deliver(struct net_window *window, struct virtq *vq, uint32_t frame_bytes,
		       unsigned *ret_n) _must_check_;

#endif
