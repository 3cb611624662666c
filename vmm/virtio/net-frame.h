/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of virtio-net (virtio 1.2, 5.1.6): from a chain that the driver wants sent to what may go
 * to the host, and which of the host's frames the driver wants. Pure functions; the frame's header
 * is looked at once and never again in the guest's memory.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_FRAME_H
#define KATA_LIKE_VMM_VIRTIO_NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/virtio/virtq.h"

/* Feature bits (virtio 1.2, 5.1.3). */
#define NET_F_CSUM	    (1ull << 0)
#define NET_F_GUEST_CSUM    (1ull << 1)
#define NET_F_CTRL_OFFLOADS (1ull << 2)
#define NET_F_MTU	    (1ull << 3)
#define NET_F_MAC	    (1ull << 5)
#define NET_F_GUEST_TSO4    (1ull << 7)
#define NET_F_GUEST_TSO6    (1ull << 8)
#define NET_F_GUEST_ECN	    (1ull << 9)
#define NET_F_HOST_TSO4	    (1ull << 11)
#define NET_F_HOST_TSO6	    (1ull << 12)
#define NET_F_HOST_ECN	    (1ull << 13)
#define NET_F_MRG_RXBUF	    (1ull << 15)
#define NET_F_STATUS	    (1ull << 16)
#define NET_F_CTRL_VQ	    (1ull << 17)
#define NET_F_CTRL_RX	    (1ull << 18)
#define NET_F_CTRL_RX_EXTRA (1ull << 20)
#define NET_F_MQ	    (1ull << 22)
#define NET_F_CTRL_MAC_ADDR (1ull << 23)
#define NET_F_GUEST_USO4    (1ull << 54)
#define NET_F_GUEST_USO6    (1ull << 55)
#define NET_F_HOST_USO	    (1ull << 56)

#define NET_F_GUEST_OFFLOADS                                                        \
	(NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN | \
	 NET_F_GUEST_USO4 | NET_F_GUEST_USO6)

#define NET_MAC_BYTES	 6u
#define NET_HEADER_BYTES 12u
#define NET_FRAME_MIN	 14u /* an Ethernet header */
/* The largest IP packet behind an Ethernet header with two VLAN tags. */
#define NET_FRAME_MAX (65535u + NET_FRAME_MIN + 8u)

/* struct virtio_net_hdr of a modern device, little-endian as every host that this runs on. */
struct net_header {
	uint8_t flags, gso_type;
	uint16_t header_bytes, gso_bytes;
	uint16_t checksum_start, checksum_offset;
	uint16_t n_buffers;
};

_Static_assert(sizeof(struct net_header) == NET_HEADER_BYTES, "virtio 1.2, 5.1.6");

#define NET_HEADER_NEEDS_CHECKSUM 1u
#define NET_HEADER_DATA_VALID	  2u
#define NET_GSO_NONE		  0u
#define NET_GSO_TCP4		  1u
#define NET_GSO_TCP6		  4u
#define NET_GSO_UDP		  5u
#define NET_GSO_ECN		  0x80u

/* A frame to be sent. iov[0] is header; the rest lies in guest memory and may change at any time.
 */
struct net_frame {
	struct net_header header;
	struct iovec iov[VIRTQ_CHAIN_MAX + 1];
	unsigned n_iov;
	uint32_t bytes; /* of the frame, without the header */
};

/*
 * Makes a frame of what the driver wants sent. features: those that were negotiated. False for what
 * no driver may send: a frame too short or too long, or a header that asks for what was not
 * negotiated or does not fit the frame. frame must not move while it is in use.
 */
bool net_frame_parse(const struct virtq_chain *chain, uint64_t features,
		     struct net_frame *ret_frame) _must_check_;

/* Whether a driver with these features may be given a frame with this header. */
bool net_header_is_acceptable(const struct net_header *header, uint64_t features) _must_check_;

/* Which frames the driver wants (virtio 1.2, 5.1.6.5.1 and 5.1.6.5.2). */
#define NET_FILTER_ADDRESSES_MAX 64u

struct net_filter {
	bool promiscuous, all_multicast, all_unicast;
	bool no_multicast, no_unicast, no_broadcast;
	/* The driver listed more addresses than there is room for: all of the kind pass. */
	bool too_many_unicast, too_many_multicast;
	uint8_t mac[NET_MAC_BYTES];
	unsigned n_unicast, n_multicast;
	uint8_t unicast[NET_FILTER_ADDRESSES_MAX][NET_MAC_BYTES];
	uint8_t multicast[NET_FILTER_ADDRESSES_MAX][NET_MAC_BYTES];
};

/* What holds until the driver says otherwise: everything. */
void net_filter_init(struct net_filter *filter, const uint8_t mac[NET_MAC_BYTES]);
bool net_filter_passes(const struct net_filter *filter, const uint8_t destination[NET_MAC_BYTES])
	_must_check_;

#endif
