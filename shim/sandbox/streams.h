/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams that a client reads and writes over the shim's own socket, which is how
 * containerd 2's CRI has them with io_type = "streaming": it names ttrpc+unix://…?streaming_id=ID
 * for each, and opens a streaming call of containerd.services.streaming.v1.Streaming for that id.
 *
 * A stream is a pipe with one end here. Process and client may come in either order, and clients
 * may go and come back: what nobody reads waits in the pipe.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_STREAMS_H
#define KATA_LIKE_SHIM_SANDBOX_STREAMS_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "proto/ttrpc/server.h"

struct streams;

int streams_new(struct loop *loop, struct streams **ret_streams, struct err *err) _must_check_;
/* After the server, whose connections it has calls of. NULL is fine. */
void streams_free(struct streams *streams);

/* Adds the service. 0 or -errno. */
int streams_register(struct streams *streams, struct ttrpc_server *server) _must_check_;

/* The id in a URI of a stream, which lives as long as that; NULL if it is of another kind. */
const char *streams_id(const char *uri);

/*
 * Makes the pipe of a stream, once an id, and hands out the process's end of it: non-blocking, the
 * caller's. -EEXIST: another process has that stream.
 *
 * An input ends when its client says so; an output when the caller's end of the pipe is closed.
 */
int streams_claim(struct streams *streams, const char *id, bool input, int *ret_fd, struct err *err)
	_must_check_;
/* An input without a client ends: none will come. */
void streams_close_input(struct streams *streams, const char *id);
/* True while an output has a client that has not read all that the pipe was given. */
bool streams_is_unread(const struct streams *streams, const char *id);
/* The process is done with it, and has closed its end: what an output still has is passed on. */
void streams_release(struct streams *streams, const char *id);

#endif
