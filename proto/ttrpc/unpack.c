/* SPDX-License-Identifier: Apache-2.0 */
/* Reading messages, with the reason when that fails. */
#include "proto/ttrpc/unpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static void *allocate(void *ctx, size_t size)
{
	bool *out_of_memory = ctx;
	void *memory = malloc(size);

	*out_of_memory = *out_of_memory || !memory;
	return memory;
}

static void release(void *ctx, void *memory)
{
	(void)ctx;
	free(memory);
}

int ttrpc_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len_bytes,
		 ProtobufCMessage **ret_message)
{
	bool out_of_memory = false;
	ProtobufCAllocator allocator = { allocate, release, &out_of_memory };
	ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, len_bytes, data);

	if (!message)
		return out_of_memory ? -ENOMEM : -EBADMSG;
	*ret_message = message;
	return 0;
}
