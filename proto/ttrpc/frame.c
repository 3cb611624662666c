/* SPDX-License-Identifier: Apache-2.0 */
/* The ttrpc frame header, packed and unpacked. */
#include "proto/ttrpc/frame.h"

#include <endian.h>
#include <string.h>

void ttrpc_frame_encode(const struct ttrpc_frame *frame,
			uint8_t ret_header[TTRPC_FRAME_HEADER_BYTES])
{
	uint32_t len = htobe32(frame->len_bytes), id = htobe32(frame->stream_id);

	memcpy(ret_header, &len, sizeof(len));
	memcpy(ret_header + 4, &id, sizeof(id));
	ret_header[8] = frame->type;
	ret_header[9] = frame->flags;
}

void ttrpc_frame_decode(const uint8_t header[TTRPC_FRAME_HEADER_BYTES],
			struct ttrpc_frame *ret_frame)
{
	uint32_t len, id;

	memcpy(&len, header, sizeof(len));
	memcpy(&id, header + 4, sizeof(id));
	ret_frame->len_bytes = be32toh(len);
	ret_frame->stream_id = be32toh(id);
	ret_frame->type = header[8];
	ret_frame->flags = header[9];
}
