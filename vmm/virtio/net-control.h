/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of virtio-net's control queue (virtio 1.2, 5.1.6.5): from a chain to a command, and what
 * a command about filtering makes of the filter. Pure functions.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_CONTROL_H
#define KATA_LIKE_VMM_VIRTIO_NET_CONTROL_H

#include "vmm/virtio/net-frame.h"

enum net_control_op {
	NET_CONTROL_REFUSED, /* unknown, not negotiated or malformed: answer NET_CONTROL_ERR */
	NET_CONTROL_FILTER,  /* filter is the new one */
	NET_CONTROL_MAC,     /* likewise, and its mac is the device's */
	NET_CONTROL_PAIRS,   /* n_pairs are to be used */
	NET_CONTROL_OFFLOADS,
};

#define NET_CONTROL_OK	0u
#define NET_CONTROL_ERR 1u

struct net_control {
	enum net_control_op op;
	struct net_filter filter;
	uint16_t n_pairs;  /* 1 to max_pairs */
	uint64_t offloads; /* a part of the negotiated NET_F_GUEST_OFFLOADS */
};

/*
 * filter: as it is now. False if the chain has no command or no room for the answer, which breaks
 * the protocol.
 */
bool net_control_parse(const struct virtq_chain *chain, uint64_t features, uint16_t max_pairs,
		       const struct net_filter *filter, struct net_control *ret_control)
	_must_check_;

#endif
