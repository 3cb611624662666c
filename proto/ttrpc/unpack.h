/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf-c's reader, which cannot tell bytes that are no message from a want of memory. */
#ifndef KATA_LIKE_PROTO_TTRPC_UNPACK_H
#define KATA_LIKE_PROTO_TTRPC_UNPACK_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

/*
 * Reads a message, which is released with protobuf_c_message_free_unpacked() and no allocator. 0,
 * -EBADMSG for what is no message of that type, -ENOMEM.
 */
int ttrpc_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len_bytes,
		 ProtobufCMessage **ret_message) _must_check_;

#endif
