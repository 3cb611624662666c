/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net (virtio 1.2, 5.1) on a tap, a macvtap or a socket, given by descriptor: several
 * queue pairs, mergeable receive buffers, checksums and segmentation left to whoever needs them
 * last, a control queue, the link's state.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_H
#define KATA_LIKE_VMM_VIRTIO_NET_H

#include "lib/err.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/net-pair.h"

#define NET_PAIRS_MAX ((VIRTIO_QUEUES_MAX - 1) / 2)
#define NET_MTU_MIN   68u
#define NET_MTU_MAX   65535u

struct net_config {
	struct io_threads *threads; /* outlive the device; NULL: it makes its own */
	int fds[NET_PAIRS_MAX];	    /* taken, on failure too */
	unsigned n_fds;
	bool socket; /* the one descriptor is a socket (net-backend.h), not a tap */
	bool has_mac;
	uint8_t mac[NET_MAC_BYTES]; /* a random one unless has_mac */
	uint16_t mtu;		    /* what the guest is told; 0: nothing */
};

/* -EINVAL: a descriptor or a value that does not do. */
int net_new(const struct net_config *config, struct virtio_device **ret_dev, struct err *err)
	_must_check_;

struct net_status {
	uint8_t mac[NET_MAC_BYTES];
	bool link_up;
	struct net_counters counters;
};

/* False if the device is none of these. With the device lock held. */
bool net_get_status(struct virtio_device *dev, struct net_status *ret_status) _must_check_;

/* Plugs the cable in or pulls it. False if the device is none of these. With the device lock held.
 */
bool net_set_link(struct virtio_device *dev, bool up) _must_check_;

#endif
