/* SPDX-License-Identifier: Apache-2.0 */
/* The ttrpc frame header: 10 bytes, big-endian, in front of each message. */
#ifndef KATA_LIKE_PROTO_TTRPC_FRAME_H
#define KATA_LIKE_PROTO_TTRPC_FRAME_H

#include <stdint.h>

#define TTRPC_FRAME_HEADER_BYTES 10u
#define TTRPC_FRAME_DATA_MAX	 (4u << 20)

enum ttrpc_frame_type {
	TTRPC_FRAME_REQUEST = 1,
	TTRPC_FRAME_RESPONSE = 2,
	TTRPC_FRAME_DATA = 3,
};

/*
 * Flags of a request that opens a stream (a unary one has none): whether the client sends messages
 * behind it. Flags of data: its sender sends no more; it has no message, where an empty one could
 * be meant.
 */
#define TTRPC_FLAG_REMOTE_CLOSED 0x01
#define TTRPC_FLAG_REMOTE_OPEN	 0x02
#define TTRPC_FLAG_NO_DATA	 0x04

struct ttrpc_frame {
	uint32_t len_bytes; /* of the data behind the header */
	uint32_t stream_id;
	uint8_t type; /* enum ttrpc_frame_type; unknown ones are skipped */
	uint8_t flags;
};

void ttrpc_frame_encode(const struct ttrpc_frame *frame,
			uint8_t ret_header[TTRPC_FRAME_HEADER_BYTES]);
void ttrpc_frame_decode(const uint8_t header[TTRPC_FRAME_HEADER_BYTES],
			struct ttrpc_frame *ret_frame);

#endif
