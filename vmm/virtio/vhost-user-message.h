/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost-user messages as they stand on the socket (QEMU's docs/interop/vhost-user.rst): a header,
 * then size_bytes of payload, all in the host's byte order. Only what this frontend uses.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VHOST_USER_MESSAGE_H
#define KATA_LIKE_VMM_VIRTIO_VHOST_USER_MESSAGE_H

#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_SET_VRING_ENABLE = 18,
};

/* Flags of the header. */
#define VHOST_USER_VERSION    0x1u
#define VHOST_USER_REPLY      0x4u
#define VHOST_USER_NEED_REPLY 0x8u

/* A virtio feature bit that is the protocol's own. */
#define VHOST_USER_F_PROTOCOL_FEATURES (1ull << 30)
/* Protocol features. */
#define VHOST_USER_PROTOCOL_F_REPLY_ACK (1ull << 3)

#define VHOST_USER_REGIONS_MAX 8

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size_bytes;
};

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size_bytes;
	uint64_t user_address; /* what addresses in SET_VRING_ADDR are relative to */
	uint64_t fd_offset;
};

struct vhost_user_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_REGIONS_MAX];
};

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t value;
};

struct vhost_user_vring_address {
	uint32_t index;
	uint32_t flags;
	uint64_t desc, used, avail;
	uint64_t log;
};

_Static_assert(sizeof(struct vhost_user_header) == 12, "the layout is the protocol's");
_Static_assert(sizeof(struct vhost_user_region) == 32, "likewise");
_Static_assert(sizeof(struct vhost_user_vring_address) == 40, "likewise");

#endif
