/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames over one stream socket on an event loop: what client and server have in common.
 *
 * Memory is bounded whatever the peer does: a frame takes room only as its bytes arrive, an
 * oversized one is discarded as it arrives, and a peer that does not read what we send is not read
 * from either.
 */
#ifndef KATA_LIKE_PROTO_TTRPC_CONNECTION_H
#define KATA_LIKE_PROTO_TTRPC_CONNECTION_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/loop.h"
#include "proto/ttrpc/frame.h"

struct ttrpc_connection;

struct ttrpc_connection_ops {
	/* One whole frame; data is valid during the call. */
	void (*frame)(void *ctx, const struct ttrpc_frame *frame, const uint8_t *data);
	/* The header announced more than TTRPC_FRAME_DATA_MAX; the data is skipped. */
	void (*oversized)(void *ctx, const struct ttrpc_frame *frame);
	/* The socket has taken all that it did not take at once. May be NULL. */
	void (*drained)(void *ctx);
	/* The peer is gone, or the socket failed. Nothing follows; the owner frees the connection.
	 */
	void (*closed)(void *ctx);
};

/* Takes over fd, also when it fails. 0 or -errno. */
int ttrpc_connection_new(struct loop *loop, int fd, const struct ttrpc_connection_ops *ops,
			 void *ctx, struct ttrpc_connection **ret_connection) _must_check_;

/* Closes it; allowed inside each of the callbacks, of which none follows. NULL is fine. */
void ttrpc_connection_free(struct ttrpc_connection *connection);

/*
 * Queues a frame and sends what the socket takes now. 0, -EMSGSIZE (more than
 * TTRPC_FRAME_DATA_MAX), -ENOMEM. A failing socket is not reported here but by closed().
 */
int ttrpc_connection_send(struct ttrpc_connection *connection, const struct ttrpc_frame *frame,
			  const uint8_t *data) _must_check_;

/* The same for a message of a stream, packed, and for the last word of this side on it. */
int ttrpc_connection_send_message(struct ttrpc_connection *connection, uint32_t stream_id,
				  const ProtobufCMessage *message) _must_check_;
int ttrpc_connection_send_end(struct ttrpc_connection *connection, uint32_t stream_id) _must_check_;

/* Ends the connection on both sides, as when the peer goes: what it waits for cannot be sent. */
void ttrpc_connection_break(struct ttrpc_connection *connection);

/* How many bytes have been queued and not yet taken by the socket. */
size_t ttrpc_connection_pending(const struct ttrpc_connection *connection);

/* True while something that was sent has not been read by the peer (Unix sockets). */
bool ttrpc_connection_is_unread(const struct ttrpc_connection *connection);

#endif
