/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ttrpc client on an event loop: many calls at once over one connection, each with a deadline,
 * answered in any order. ttrpc_call_wait() is the same for callers that have nothing else to do.
 */
#ifndef KATA_LIKE_PROTO_TTRPC_CLIENT_H
#define KATA_LIKE_PROTO_TTRPC_CLIENT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/stream.h"

struct ttrpc_client;

/* A method to call: where it is and what it answers with. */
struct ttrpc_target {
	const char *service, *method;
	const ProtobufCMessageDescriptor *response;
};

/*
 * response is NULL unless status->code is TTRPC_OK, and freed when the callback returns. Called
 * from the loop, exactly once a call, except when the client is freed first: then with
 * TTRPC_CANCELLED from within ttrpc_client_free().
 */
typedef void ttrpc_done_fn(void *ctx, const struct ttrpc_status *status,
			   const ProtobufCMessage *response);

/* The connection ended; calls under way have been answered with TTRPC_UNAVAILABLE before. */
typedef void ttrpc_lost_fn(void *ctx);

/*
 * Takes over a connected stream socket (also when it fails). lost may be NULL. The client stays
 * valid after the connection is lost (calls fail with TTRPC_UNAVAILABLE) until freed, which lost
 * may do.
 */
int ttrpc_client_new(struct loop *loop, int fd, ttrpc_lost_fn *lost, void *ctx,
		     struct ttrpc_client **ret_client, struct err *err) _must_check_;
void ttrpc_client_free(struct ttrpc_client *client);

/* False once the connection is lost, when calls end with TTRPC_UNAVAILABLE, and before lost(). */
bool ttrpc_client_is_connected(const struct ttrpc_client *client) _must_check_;

/* Connects to a Unix socket ("unix:///path" or "/path"). */
int ttrpc_client_connect(struct loop *loop, const char *address, ttrpc_lost_fn *lost, void *ctx,
			 struct ttrpc_client **ret_client, struct err *err) _must_check_;

/* Adds a metadata pair to each request that follows (containerd's namespace); strings are copied.
 */
int ttrpc_client_set_metadata(struct ttrpc_client *client, const char *key, const char *value)
	_must_check_;

/*
 * Sends a call. timeout_ms 0 waits for ever; past it done gets TTRPC_DEADLINE_EXCEEDED and a late
 * answer is dropped. 0, or -errno when the call could not be sent (done is not called then).
 */
int ttrpc_client_call(struct ttrpc_client *client, const struct ttrpc_target *target,
		      const ProtobufCMessage *request, int64_t timeout_ms, ttrpc_done_fn *done,
		      void *ctx) _must_check_;

/*
 * Opens a stream on which both sides send messages, ours of the type that the method takes. It
 * ends when the server ends it, with the connection, or with the client (TTRPC_CANCELLED). 0, or
 * -errno when the call could not be sent.
 */
int ttrpc_client_open(struct ttrpc_client *client, const struct ttrpc_target *target,
		      const struct ttrpc_stream_ops *ops, void *ctx, uint32_t *ret_stream_id)
	_must_check_;
/* Sends a message, or says that none follows. 0, -ENOENT (it has ended), -EMSGSIZE, -ENOMEM. */
int ttrpc_client_stream_send(struct ttrpc_client *client, uint32_t stream_id,
			     const ProtobufCMessage *message) _must_check_;
int ttrpc_client_stream_finish(struct ttrpc_client *client, uint32_t stream_id) _must_check_;

/*
 * Sends a call and runs the loop until it is answered. The response is the caller's, to be freed
 * with protobuf_c_message_free_unpacked(); ret_response may be NULL.
 */
int ttrpc_client_call_wait(struct ttrpc_client *client, const struct ttrpc_target *target,
			   const ProtobufCMessage *request, int64_t timeout_ms,
			   ProtobufCMessage **ret_response, struct err *err) _must_check_;

#endif
