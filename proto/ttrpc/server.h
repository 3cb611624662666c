/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ttrpc server on an event loop: any number of services over any number of connections, calls
 * served at the same time and answered in any order. The protocol is containerd's (10-byte frame
 * header, at most 4 MiB of data).
 *
 * A service is a const table: name, handler, request and response type a row. A handler gets a call
 * and a decoded request. It answers at once or keeps the call and answers later, but exactly once.
 * The peer's going away does not end a call: the answer then goes nowhere.
 *
 * A streaming method's handler gets the call when the stream is opened, and keeps it: it says with
 * ttrpc_call_stream() who is told of messages, sends its own, and ends the stream as it would
 * answer a call. There the peer's going away does end the call.
 */
#ifndef KATA_LIKE_PROTO_TTRPC_SERVER_H
#define KATA_LIKE_PROTO_TTRPC_SERVER_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/stream.h"

struct ttrpc_server;
struct ttrpc_call;

/* request is freed when the handler returns; ctx is the service's. */
typedef void ttrpc_handler_fn(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request);

struct ttrpc_method {
	const char *name;
	ttrpc_handler_fn *handle;
	const ProtobufCMessageDescriptor *request, *response;
	bool streaming; /* both ways: each message of the client's is a request, of ours a response
			 */
};

struct ttrpc_service {
	const char *name; /* "containerd.task.v2.Task" */
	const struct ttrpc_method *methods;
	size_t n_methods;
};

int ttrpc_server_new(struct loop *loop, struct ttrpc_server **ret_server, struct err *err)
	_must_check_;
/* Closes every connection. Calls still unanswered stay valid until answered. NULL is fine. */
void ttrpc_server_free(struct ttrpc_server *server);

/* service and ctx are borrowed. */
int ttrpc_server_add_service(struct ttrpc_server *server, const struct ttrpc_service *service,
			     void *ctx) _must_check_;

/* A connection is about to end for that reason: there is no memory even for an error. */
typedef void ttrpc_failed_fn(void *ctx, const char *why);
void ttrpc_server_on_failure(struct ttrpc_server *server, ttrpc_failed_fn *fn, void *ctx);

/*
 * Called when a connection ends, however it does; ctx as given to ttrpc_server_add_connection() or
 * ttrpc_server_listen().
 */
typedef void ttrpc_closed_fn(void *ctx);

/* Serves a connected stream socket, which is the server's from now on, even on failure. */
int ttrpc_server_add_connection(struct ttrpc_server *server, int fd, ttrpc_closed_fn *closed,
				void *ctx) _must_check_;

/*
 * Accepts connections on a listening socket (the server's from now on). With check_peer only peers
 * of our own user id, or root, are served (SO_PEERCRED; Unix sockets).
 */
int ttrpc_server_listen(struct ttrpc_server *server, int listen_fd, bool check_peer) _must_check_;

/* Answers with a message of the method's response type, and ends the call. */
void ttrpc_call_reply(struct ttrpc_call *call, const ProtobufCMessage *response);
/* Answers with an empty message of the response type. */
void ttrpc_call_reply_empty(struct ttrpc_call *call);
/* Answers with an error; the message is for a person. */
void ttrpc_call_fail(struct ttrpc_call *call, enum ttrpc_code code, const char *fmt, ...)
	_printf_(3, 4);
/* The same from an error: the code by errno, the text as it is. */
void ttrpc_call_fail_err(struct ttrpc_call *call, const struct err *err);

/*
 * For the handler of a streaming method, in which the call must not be answered before it. Ended by
 * ttrpc_call_reply_empty() or ttrpc_call_fail().
 */
void ttrpc_call_stream(struct ttrpc_call *call, const struct ttrpc_stream_ops *ops, void *ctx);
/* Sends a message of the method's response type. 0, -EMSGSIZE, -ENOMEM. */
int ttrpc_call_send(struct ttrpc_call *call, const ProtobufCMessage *message) _must_check_;
/* True while the socket has not taken all that was sent; ops->drained tells of the end of it. */
bool ttrpc_call_is_held_up(const struct ttrpc_call *call);
/* True while the peer has not read all that was sent on the call's connection. */
bool ttrpc_call_is_unread(const struct ttrpc_call *call);

/* The value of a metadata key ("containerd-namespace-ttrpc"), or NULL. Lives as long as the call.
 */
const char *ttrpc_call_metadata(const struct ttrpc_call *call, const char *key);
/* How long the caller still waits, in milliseconds; -1 for ever. */
int64_t ttrpc_call_deadline_ms(const struct ttrpc_call *call);

#endif
