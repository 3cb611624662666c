/* SPDX-License-Identifier: Apache-2.0 */
/* What happens on a streaming call, told to either side of it (ttrpc 1.2). */
#ifndef KATA_LIKE_PROTO_TTRPC_STREAM_H
#define KATA_LIKE_PROTO_TTRPC_STREAM_H

#include <protobuf-c/protobuf-c.h>

#include "proto/ttrpc/status.h"

/*
 * Called from the loop. In each of them the stream may be sent on or ended, but neither client nor
 * server be freed.
 */
struct ttrpc_stream_ops {
	/* One message, freed when this returns. */
	void (*message)(void *ctx, const ProtobufCMessage *message);
	/* To the server: the client sends no more. NULL where that means nothing. */
	void (*finished)(void *ctx);
	/* The socket has taken all that was sent. NULL for whoever does not wait for that. */
	void (*drained)(void *ctx);
	/*
	 * The stream is over, and its handle gone: the server ended it, which only the client is
	 * told, or the connection did. Not called after one's own ending.
	 */
	void (*ended)(void *ctx, const struct ttrpc_status *status);
};

#endif
