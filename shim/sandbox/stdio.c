/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams of one process. */
#include "shim/sandbox/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "shim/sandbox/logger.h"
#include "shim/sandbox/relay.h"
#include "shim/sandbox/streams.h"

/* A guest, or a client, that is only starved of its processor goes on well before. */
#define STDIO_STALL_MS	   5000
#define SETTLE_LIMIT_MS	   30000
#define SETTLE_INTERVAL_MS 2
#define SETTLE_GRACE_MS	   50

enum direction {
	STDIO_IN,
	STDIO_OUT,
	STDIO_ERR,
	STDIO_N,
};

static const char *const names[STDIO_N] = { "stdin", "stdout", "stderr" };

/* One stream: waiting for the guest (listener), moving (relay), or over (host_fd == -1). */
struct stream {
	struct stdio *stdio;
	enum direction direction;
	int host_fd;	 /* the FIFO or file */
	int hold_fd;	 /* stdin's write end, until it is closed on purpose */
	char *stream_id; /* of streams.h; NULL for another kind */
	int guest_fd;
	uint32_t port;
	struct vsock_listener *listener;
	struct relay *relay;
	uint64_t bytes_before; /* at the last look for a stall */
};

struct stdio {
	struct stdio_parts made_of;
	bool terminal;
	struct stream streams[STDIO_N];
	struct loop_source *stall_timer;
	bool draining;
	loop_fn *drained;
	void *drained_ctx;
	struct loop_source *settle_timer; /* NULL unless there are streams to wait for */
	int64_t settle_end_ms, settle_limit_ms;
	uint64_t settle_bytes; /* that have come so far */
	loop_fn *settled;
	void *settled_ctx;
	struct err failure; /* of the first stream that was lost */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_host(struct stream *stream)
{
	close_fd(&stream->host_fd);
	close_fd(&stream->hold_fd);
	if (stream->stream_id)
		streams_release(stream->stdio->made_of.streams, stream->stream_id);
	free(TAKE_PTR(stream->stream_id));
}

static void stream_close(struct stream *stream)
{
	vsock_listener_free(stream->listener);
	relay_free(stream->relay);
	stream->listener = NULL;
	stream->relay = NULL;
	close_host(stream);
	close_fd(&stream->guest_fd);
}

/* While draining: everything is passed on once no output is open any more. */
static void check_drained(struct stdio *stdio)
{
	if (!stdio->draining || !stdio->drained || stdio->streams[STDIO_OUT].host_fd >= 0 ||
	    stdio->streams[STDIO_ERR].host_fd >= 0)
		return;
	loop_timer_arm(stdio->stall_timer, -1);
	loop_fn *drained = stdio->drained;

	stdio->drained = NULL;
	drained(stdio->drained_ctx);
}

static void note_loss(struct stream *stream, int errnum)
{
	struct err loss = ERR_INIT;

	(void)err_set(&loss, errnum, "%s is lost", names[stream->direction]);
	log_error("%s", err_text(&loss));
	if (stream->stdio->failure.code == 0)
		stream->stdio->failure = loss;
}

/*
 * An output ended: while the process lives its FIFO stays open, since the end of it would tell the
 * client that the process is over.
 */
static void stream_ended(void *ctx, int result)
{
	struct stream *stream = ctx;
	struct stdio *stdio = stream->stdio;

	if (result < 0)
		note_loss(stream, -result);
	if (stream->direction == STDIO_IN) {
		/* A terminal knows no half-open stream: its end would be a hang-up. */
		if (!stdio->terminal && stream->guest_fd >= 0)
			(void)shutdown(stream->guest_fd, SHUT_WR);
		relay_free(stream->relay);
		stream->relay = NULL;
		close_host(stream);
		return;
	}
	relay_free(stream->relay);
	stream->relay = NULL;
	close_fd(&stream->guest_fd);
	if (stdio->draining) {
		stream_close(stream);
		check_drained(stdio);
	}
}

static void stream_start(struct stream *stream, int guest_fd)
{
	bool in = stream->direction == STDIO_IN;
	int r;

	stream->guest_fd = guest_fd;
	r = relay_new(stream->stdio->made_of.loop, in ? stream->host_fd : guest_fd,
		      in ? guest_fd : stream->host_fd, stream_ended, stream, &stream->relay);
	if (r < 0)
		stream_ended(stream, r);
}

static void guest_connected(void *ctx, int fd)
{
	struct stream *stream = ctx;
	struct stream *in = &stream->stdio->streams[STDIO_IN];

	stream->listener = NULL;
	if (fd < 0) {
		stream_ended(stream, -EMFILE);
		return;
	}
	/* With a terminal stdin's port is stdout's, and the one connection serves both. */
	if (stream->direction == STDIO_OUT && in->port == stream->port && in->host_fd >= 0) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (copy >= 0)
			stream_start(in, copy);
		else
			stream_ended(in, -errno);
	}
	stream_start(stream, fd);
}

static int open_fifo(const char *path, int flags, int *ret_fd, struct err *err)
{
	_cleanup_fd_ int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return err_set(err, errno, "cannot open FIFO %s", path);
	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot stat %s", path);
	if (!S_ISFIFO(st.st_mode))
		return err_say(err, EINVAL, "%s is not a FIFO; for a file use file://%s", path,
			       path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int claim_stream(struct stream *stream, const char *id, struct err *err)
{
	const struct stream *out = &stream->stdio->streams[STDIO_OUT];
	int r;

	/* Both outputs may be one stream, as they may be one file. */
	if (stream->direction == STDIO_ERR && out->stream_id && strcmp(out->stream_id, id) == 0) {
		stream->host_fd = fcntl(out->host_fd, F_DUPFD_CLOEXEC, 0);
		return stream->host_fd < 0 ? err_set(err, errno, "cannot open stream %.100s", id)
					   : 0;
	}
	stream->stream_id = strdup(id);
	if (!stream->stream_id)
		return err_set(err, ENOMEM, "cannot open stream %.100s", id);
	r = streams_claim(stream->stdio->made_of.streams, id, stream->direction == STDIO_IN,
			  &stream->host_fd, err);
	if (r < 0)
		free(TAKE_PTR(stream->stream_id));
	return r;
}

static int stream_open(struct stream *stream, const char *uri, struct err *err)
{
	const char *file = strncmp(uri, "file://", 7) == 0 ? uri + 7 : NULL;
	const char *fifo = strncmp(uri, "fifo://", 7) == 0 ? uri + 7
			   : strncmp(uri, "fifo:", 5) == 0 ? uri + 5
							   : uri;
	const char *id = streams_id(uri);
	int r;

	if (id)
		return claim_stream(stream, id, err);
	if (file && stream->direction != STDIO_IN) {
		stream->host_fd =
			open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
		return stream->host_fd < 0 ? err_set(err, errno, "cannot open %s", file) : 0;
	}
	if (fifo[0] != '/')
		return err_say(err, EINVAL,
			       "cannot use \"%.200s\": neither an absolute path of a FIFO nor "
			       "ttrpc+unix://ADDRESS?streaming_id=ID nor, for outputs, "
			       "file://PATH or binary://PATH",
			       uri);
	if (stream->direction != STDIO_IN)
		return open_fifo(fifo, O_RDWR, &stream->host_fd, err);
	r = open_fifo(fifo, O_RDONLY, &stream->host_fd, err);
	if (r < 0)
		return r;
	return open_fifo(fifo, O_WRONLY, &stream->hold_fd, err);
}

static bool is_logger(const char *uri)
{
	return uri && strncmp(uri, LOGGER_SCHEME, strlen(LOGGER_SCHEME)) == 0;
}

/* One program takes both outputs. */
static int open_logger(struct stdio *stdio, const struct stdio_paths *paths, struct err *err)
{
	struct logger_outputs outputs;
	int r;

	if (!is_logger(paths->out))
		return 0;
	if (paths->err && *paths->err && strcmp(paths->out, paths->err) != 0)
		return err_say(err, EINVAL,
			       "stderr: \"%.200s\" is not the program that stdout goes to",
			       paths->err);
	r = logger_start(stdio->made_of.loop, paths->out, paths->namespace, paths->id, &outputs,
			 err);
	if (r < 0)
		return err_push(err, "stdout");
	stdio->streams[STDIO_OUT].host_fd = outputs.out_fd;
	if (stdio->terminal || !paths->err || !*paths->err)
		close(outputs.err_fd);
	else
		stdio->streams[STDIO_ERR].host_fd = outputs.err_fd;
	return 0;
}

/* The next port that nobody waits on. */
static int stream_listen(struct stream *stream)
{
	const struct stdio_parts *parts = &stream->stdio->made_of;
	int r;

	do {
		stream->port = (*parts->next_port)++;
		r = vsock_link_listen(parts->link, stream->port, guest_connected, stream,
				      &stream->listener);
	} while (r == -EADDRINUSE);
	return r;
}

static void look_for_stall(void *ctx)
{
	struct stdio *stdio = ctx;

	for (int i = STDIO_OUT; i < STDIO_N; i++) {
		struct stream *stream = &stdio->streams[i];

		if (stream->host_fd < 0)
			continue;
		if (stream->relay && (relay_is_held_up(stream->relay) ||
				      relay_bytes(stream->relay) != stream->bytes_before)) {
			stream->bytes_before = relay_bytes(stream->relay);
			continue;
		}
		log_warn("%s: the guest did not end the stream after the process had ended",
			 names[i]);
		stream_close(stream);
	}
	loop_timer_arm(stdio->stall_timer, STDIO_STALL_MS);
	check_drained(stdio);
}

int stdio_new(const struct stdio_parts *parts, const struct stdio_paths *paths,
	      struct stdio **ret_stdio, struct err *err)
{
	const char *uris[STDIO_N] = { paths->in, paths->out, paths->terminal ? "" : paths->err };
	struct stdio *stdio = calloc(1, sizeof(*stdio));
	int r = 0;

	if (!stdio)
		return err_set(err, ENOMEM, "cannot set up stdio");
	stdio->made_of = *parts;
	stdio->terminal = paths->terminal;
	for (int i = 0; i < STDIO_N; i++)
		stdio->streams[i] = (struct stream){ .stdio = stdio,
						     .direction = (enum direction)i,
						     .host_fd = -1,
						     .hold_fd = -1,
						     .guest_fd = -1 };
	r = open_logger(stdio, paths, err);
	for (int i = 0; r == 0 && i < STDIO_N; i++) {
		if (!uris[i] || !*uris[i])
			continue;
		if (stdio->streams[i].host_fd < 0)
			r = stream_open(&stdio->streams[i], uris[i], err);
		if (r < 0)
			(void)err_push(err, "%s", names[i]);
		else if (i == STDIO_IN && stdio->terminal && uris[STDIO_OUT] && *uris[STDIO_OUT])
			continue;
		else if (stream_listen(&stdio->streams[i]) < 0)
			r = err_set(err, ENOMEM, "cannot set up %s", names[i]);
	}
	if (r == 0 && stdio->terminal && stdio->streams[STDIO_IN].host_fd >= 0 &&
	    stdio->streams[STDIO_OUT].port)
		stdio->streams[STDIO_IN].port = stdio->streams[STDIO_OUT].port;
	if (r == 0 && loop_add_timer(parts->loop, look_for_stall, stdio, &stdio->stall_timer) < 0)
		r = err_set(err, ENOMEM, "cannot set up stdio");
	if (r < 0) {
		stdio_free(stdio);
		return r;
	}
	*ret_stdio = stdio;
	return 0;
}

void stdio_free(struct stdio *stdio)
{
	if (!stdio)
		return;
	for (int i = 0; i < STDIO_N; i++)
		stream_close(&stdio->streams[i]);
	loop_source_free(stdio->stall_timer);
	loop_source_free(stdio->settle_timer);
	free(stdio);
}

struct stdio_ports stdio_get_ports(const struct stdio *stdio)
{
	return (struct stdio_ports){ stdio->streams[STDIO_IN].port, stdio->streams[STDIO_OUT].port,
				     stdio->streams[STDIO_ERR].port };
}

const char *stdio_failure(const struct stdio *stdio)
{
	return stdio->failure.text;
}

void stdio_close_stdin(struct stdio *stdio)
{
	struct stream *in = &stdio->streams[STDIO_IN];

	close_fd(&in->hold_fd);
	if (in->stream_id)
		streams_close_input(stdio->made_of.streams, in->stream_id);
}

/* Still under way from the guest, or to a client of the shim's own socket. */
static bool is_unsettled(const struct stream *stream)
{
	return stream->stream_id &&
	       (stream->relay || stream->listener ||
		streams_is_unread(stream->stdio->made_of.streams, stream->stream_id));
}

/* What still comes gives it more time. */
static void note_progress(struct stdio *stdio)
{
	uint64_t bytes = 0;

	for (int i = STDIO_OUT; i < STDIO_N; i++)
		if (stdio->streams[i].relay)
			bytes += relay_bytes(stdio->streams[i].relay);
	if (bytes == stdio->settle_bytes)
		return;
	stdio->settle_bytes = bytes;
	stdio->settle_end_ms = MIN(clock_monotonic_ms() + STDIO_STALL_MS, stdio->settle_limit_ms);
}

/* Nothing tells of what a peer reads. */
static void settle(void *ctx)
{
	struct stdio *stdio = ctx;
	bool unsettled = is_unsettled(&stdio->streams[STDIO_OUT]) ||
			 is_unsettled(&stdio->streams[STDIO_ERR]);

	if (unsettled)
		note_progress(stdio);
	if (unsettled && clock_monotonic_ms() < stdio->settle_end_ms) {
		loop_timer_arm(stdio->settle_timer, SETTLE_INTERVAL_MS);
		return;
	}
	/* What is read is not yet in the log that it is for. */
	if (!unsettled && stdio->settle_end_ms > 0) {
		stdio->settle_end_ms = 0;
		loop_timer_arm(stdio->settle_timer, SETTLE_GRACE_MS);
		return;
	}
	loop_source_free(stdio->settle_timer);
	stdio->settle_timer = NULL;
	stdio->settled(stdio->settled_ctx);
}

void stdio_settle(struct stdio *stdio, loop_fn *done, void *ctx)
{
	bool has_streams =
		stdio->streams[STDIO_OUT].stream_id || stdio->streams[STDIO_ERR].stream_id;

	if (!has_streams ||
	    loop_add_timer(stdio->made_of.loop, settle, stdio, &stdio->settle_timer) < 0) {
		done(ctx);
		return;
	}
	stdio->settled = done;
	stdio->settled_ctx = ctx;
	stdio->settle_end_ms = clock_monotonic_ms() + STDIO_STALL_MS;
	stdio->settle_limit_ms = clock_monotonic_ms() + SETTLE_LIMIT_MS;
	settle(stdio);
}

void stdio_drain(struct stdio *stdio, loop_fn *done, void *ctx)
{
	stdio->draining = true;
	stdio->drained = done;
	stdio->drained_ctx = ctx;
	stream_close(&stdio->streams[STDIO_IN]);
	/*
	 * What has ended already brings nothing more. A connection that the guest made may still
	 * stand in the link's queue, so a stream that waits for one gets the time of a stall.
	 */
	for (int i = STDIO_OUT; i < STDIO_N; i++) {
		struct stream *stream = &stdio->streams[i];

		if (!stream->relay && !stream->listener)
			stream_close(stream);
		else if (stream->relay)
			stream->bytes_before = relay_bytes(stream->relay);
	}
	loop_timer_arm(stdio->stall_timer, STDIO_STALL_MS);
	check_drained(stdio);
}
