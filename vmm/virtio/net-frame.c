/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of virtio-net. */
#include "vmm/virtio/net-frame.h"

#include <string.h>

#define CHECKSUM_BYTES 2u
#define ETHERNET_GROUP 1u /* in an address's first byte: multicast or broadcast */

/* The bits that allow a kind of segmentation, in one direction. */
static uint64_t gso_feature(uint8_t gso_type, bool to_guest)
{
	switch (gso_type & (uint8_t)~NET_GSO_ECN) {
	case NET_GSO_TCP4:
		return to_guest ? NET_F_GUEST_TSO4 : NET_F_HOST_TSO4;
	case NET_GSO_TCP6:
		return to_guest ? NET_F_GUEST_TSO6 : NET_F_HOST_TSO6;
	case NET_GSO_UDP:
		return to_guest ? NET_F_GUEST_USO4 | NET_F_GUEST_USO6 : NET_F_HOST_USO;
	default:
		return 0;
	}
}

static bool gso_is_acceptable(uint8_t gso_type, uint64_t features, bool to_guest)
{
	uint64_t ecn = to_guest ? NET_F_GUEST_ECN : NET_F_HOST_ECN;

	if (gso_type == NET_GSO_NONE)
		return true;
	if ((gso_type & NET_GSO_ECN) && !(features & ecn))
		return false;
	return features & gso_feature(gso_type, to_guest);
}

bool net_header_is_acceptable(const struct net_header *header, uint64_t features)
{
	if ((header->flags & NET_HEADER_NEEDS_CHECKSUM) && !(features & NET_F_GUEST_CSUM))
		return false;
	return gso_is_acceptable(header->gso_type, features, true);
}

/* Also brings the header into the form in which the host gets it. */
static bool header_fits(struct net_header *header, uint32_t frame_bytes, uint64_t features)
{
	uint32_t checksum_end =
		(uint32_t)header->checksum_start + header->checksum_offset + CHECKSUM_BYTES;

	header->n_buffers = 0;
	header->flags &= NET_HEADER_NEEDS_CHECKSUM;
	if (!gso_is_acceptable(header->gso_type, features, false))
		return false;
	if (header->flags == 0) {
		/* What nobody asked for is not looked at (virtio 1.2, 5.1.6.2.2). */
		*header = (struct net_header){ .gso_type = header->gso_type };
		return header->gso_type == NET_GSO_NONE;
	}
	if (!(features & NET_F_CSUM) || checksum_end > frame_bytes)
		return false;
	if (header->gso_type == NET_GSO_NONE) {
		header->header_bytes = header->gso_bytes = 0;
		return true;
	}
	return header->gso_bytes > 0 && header->header_bytes <= frame_bytes;
}

bool net_frame_parse(const struct virtq_chain *chain, uint64_t features,
		     struct net_frame *ret_frame)
{
	size_t skip = NET_HEADER_BYTES;

	ret_frame->n_iov = 0;
	if (chain->out_bytes < NET_HEADER_BYTES + NET_FRAME_MIN ||
	    chain->out_bytes > NET_HEADER_BYTES + NET_FRAME_MAX)
		return false;
	if (!virtq_chain_read(chain, 0, &ret_frame->header, sizeof(ret_frame->header)))
		return false;
	ret_frame->bytes = chain->out_bytes - NET_HEADER_BYTES;
	if (!header_fits(&ret_frame->header, ret_frame->bytes, features))
		return false;
	ret_frame->iov[ret_frame->n_iov++] =
		(struct iovec){ &ret_frame->header, sizeof(ret_frame->header) };
	for (unsigned i = 0; i < chain->n_out; i++) {
		const struct iovec *part = &chain->iov[i];

		if (skip >= part->iov_len) {
			skip -= part->iov_len;
			continue;
		}
		ret_frame->iov[ret_frame->n_iov++] =
			(struct iovec){ (uint8_t *)part->iov_base + skip, part->iov_len - skip };
		skip = 0;
	}
	return true;
}

void net_filter_init(struct net_filter *filter, const uint8_t mac[NET_MAC_BYTES])
{
	*filter = (struct net_filter){ .promiscuous = true };
	memcpy(filter->mac, mac, NET_MAC_BYTES);
}

static bool is_listed(const uint8_t list[][NET_MAC_BYTES], unsigned n, const uint8_t *address)
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(list[i], address, NET_MAC_BYTES) == 0)
			return true;
	return false;
}

bool net_filter_passes(const struct net_filter *filter, const uint8_t destination[NET_MAC_BYTES])
{
	static const uint8_t broadcast[NET_MAC_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (filter->promiscuous)
		return true;
	if (memcmp(destination, broadcast, NET_MAC_BYTES) == 0)
		return !filter->no_broadcast;
	if (destination[0] & ETHERNET_GROUP)
		return !filter->no_multicast &&
		       (filter->all_multicast || filter->too_many_multicast ||
			is_listed(filter->multicast, filter->n_multicast, destination));
	return !filter->no_unicast && (filter->all_unicast || filter->too_many_unicast ||
				       memcmp(destination, filter->mac, NET_MAC_BYTES) == 0 ||
				       is_listed(filter->unicast, filter->n_unicast, destination));
}
