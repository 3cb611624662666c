/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SOCK_SEQPACKET pair by which the shim hands descriptors to a running VMM, as ttrpc carries
 * none. Each packet is one struct descriptor_lane_message with exactly one descriptor attached; the
 * VMM sends nothing.
 *
 * The token is the shim's choice. A call of proto/vmm.proto names it once, after the packet was
 * sent; that claims the descriptor, whether the call succeeds or not. Of those that no call named
 * yet the VMM keeps DESCRIPTOR_LANE_WAITING_MAX, and closes the oldest for a further one. A packet
 * of another size, without a descriptor or with a token that waits already is dropped.
 */
#ifndef KATA_LIKE_PROTO_DESCRIPTOR_LANE_H
#define KATA_LIKE_PROTO_DESCRIPTOR_LANE_H

#include <stdint.h>

#define DESCRIPTOR_LANE_WAITING_MAX 16u

struct descriptor_lane_message {
	uint64_t token;
};

#endif
