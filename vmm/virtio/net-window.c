/* SPDX-License-Identifier: Apache-2.0 */
/* The receive window of a virtio-net queue. */
#include "vmm/virtio/net-window.h"

#include <string.h>

#include "vmm/virtio/net-frame.h"

void net_window_reset(struct net_window *window)
{
	window->first_part = window->n_parts = 0;
	window->first_chain = window->n_chains = 0;
	window->bytes = 0;
}

static void move_to_front(struct net_window *window)
{
	memmove(window->parts, window->parts + window->first_part,
		sizeof(window->parts[0]) * window->n_parts);
	memmove(window->chains, window->chains + window->first_chain,
		sizeof(window->chains[0]) * window->n_chains);
	window->first_part = window->first_chain = 0;
}

/* Whether a chain of the greatest length still fits behind the others. */
static bool has_room(struct net_window *window)
{
	if (window->first_part + window->n_parts + VIRTQ_CHAIN_MAX > NET_WINDOW_PARTS ||
	    window->first_chain + window->n_chains == NET_WINDOW_CHAINS)
		move_to_front(window);
	return window->n_parts + VIRTQ_CHAIN_MAX <= NET_WINDOW_PARTS &&
	       window->n_chains < NET_WINDOW_CHAINS;
}

static int add_chain(struct net_window *window, struct virtq *vq, const struct virtq_chain *chain)
{
	/* What a driver would have us read there has no meaning in a receive queue. */
	if (chain->n_in == 0) {
		vq->broken = "a receive buffer that cannot be written";
		return VIRTQ_E_BROKEN;
	}
	memcpy(window->parts + window->first_part + window->n_parts, chain->iov + chain->n_out,
	       sizeof(chain->iov[0]) * chain->n_in);
	window->chains[window->first_chain + window->n_chains] = (struct net_window_chain){
		.head = chain->head, .n_parts = chain->n_in, .bytes = chain->in_bytes
	};
	window->n_parts += chain->n_in;
	window->n_chains++;
	window->bytes += chain->in_bytes;
	return 0;
}

int net_window_fill(struct net_window *window, struct virtq *vq, uint64_t wanted_bytes,
		    unsigned max_chains)
{
	struct virtq_chain chain;
	int r = 0;

	while (r == 0 && window->bytes < wanted_bytes && window->n_chains < max_chains &&
	       has_room(window)) {
		r = virtq_pop(vq, &chain);
		if (r == 0)
			r = add_chain(window, vq, &chain);
	}
	return r;
}

struct iovec *net_window_parts(struct net_window *window)
{
	return window->parts + window->first_part;
}

/* Copies between the window's bytes from skip on and ours. */
static bool copy(struct net_window *window, uint32_t skip, uint8_t *to, const uint8_t *from,
		 uint32_t len_bytes)
{
	const struct iovec *parts = net_window_parts(window);

	for (unsigned i = 0; i < window->n_parts && len_bytes > 0; i++) {
		uint32_t n;

		if (skip >= parts[i].iov_len) {
			skip -= (uint32_t)parts[i].iov_len;
			continue;
		}
		n = (uint32_t)MIN(parts[i].iov_len - skip, (size_t)len_bytes);
		if (to) {
			memcpy(to, (uint8_t *)parts[i].iov_base + skip, n);
			to += n;
		} else {
			memcpy((uint8_t *)parts[i].iov_base + skip, from, n);
			from += n;
		}
		len_bytes -= n;
		skip = 0;
	}
	__asm__ volatile("" ::: "memory");
	return len_bytes == 0;
}

bool net_window_read(struct net_window *window, void *dst, uint32_t len_bytes)
{
	return copy(window, 0, dst, NULL, len_bytes);
}

bool net_window_write(struct net_window *window, uint32_t skip_bytes, const void *src,
		      uint32_t len_bytes)
{
	return copy(window, skip_bytes, NULL, src, len_bytes);
}

static void drop_first(struct net_window *window)
{
	const struct net_window_chain *chain = &window->chains[window->first_chain];

	window->bytes -= chain->bytes;
	window->first_part += chain->n_parts;
	window->n_parts -= chain->n_parts;
	window->first_chain++;
	window->n_chains--;
}

int net_window_deliver(struct net_window *window, struct virtq *vq, uint32_t frame_bytes,
		       unsigned *ret_n)
{
	uint32_t left = frame_bytes;
	uint16_t n = 0;
	int r = 0;

	for (uint32_t covered = 0; covered < frame_bytes; n++)
		covered += window->chains[window->first_chain + n].bytes;
	(void)copy(window, offsetof(struct net_header, n_buffers), NULL, (const uint8_t *)&n,
		   sizeof(n));
	*ret_n = n;
	while (left > 0 && r == 0) {
		const struct net_window_chain *chain = &window->chains[window->first_chain];
		uint32_t part = MIN(left, chain->bytes);

		r = virtq_stage(vq, chain->head, part);
		drop_first(window);
		left -= part;
	}
	if (r == 0)
		virtq_publish(vq);
	return r;
}
