/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hands events to containerd. One event is under way at a time; it leaves the queue when it was
 * taken, or refused for good. What cannot be delivered is tried again, ever less often.
 */
#include "shim/events/publisher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "events.pb-c.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/ttrpc/client.h"
#include "shim/job.h"

#define QUEUE_MAX	 2048u
#define SEND_TIMEOUT_MS	 5000
#define RETRY_MIN_MS	 100
#define RETRY_MAX_MS	 2000
#define BINARY_INPUT_MAX 65536u /* what a pipe takes without a reader */

struct event {
	struct event *next;
	struct timespec when;
	char *topic, *type;
	uint8_t *packed;
	size_t len;
};

struct publisher {
	struct loop *loop;
	char *namespace, *ttrpc_address, *grpc_address, *binary;
	struct event *head, **tail;
	size_t n_events;
	bool overflowed; /* said so */
	bool under_way;
	struct ttrpc_client *client;
	struct loop_source *timer; /* the next try, or the command's time is up */
	int64_t retry_ms;
	struct loop_source *child;
	pid_t pid;
	struct loop_source *flush_timer;
	loop_fn *flushed;
	void *flushed_ctx;
};

static void send_next(struct publisher *publisher);

static void event_free(struct event *event)
{
	free(event->topic);
	free(event->type);
	free(event->packed);
	free(event);
}

static void drop_head(struct publisher *publisher)
{
	struct event *event = publisher->head;

	publisher->head = event->next;
	if (!publisher->head)
		publisher->tail = &publisher->head;
	publisher->n_events--;
	event_free(event);
}

static void check_flushed(struct publisher *publisher)
{
	if (publisher->flushed && !publisher->head)
		loop_timer_arm(publisher->flush_timer, 0);
}

static void flush_over(void *ctx)
{
	struct publisher *publisher = ctx;
	loop_fn *flushed = publisher->flushed;

	if (!flushed)
		return;
	if (publisher->head)
		log_warn("%zu events could not be published", publisher->n_events);
	publisher->flushed = NULL;
	flushed(publisher->flushed_ctx);
}

static void delivered(struct publisher *publisher)
{
	publisher->under_way = false;
	publisher->overflowed = false;
	publisher->retry_ms = RETRY_MIN_MS;
	drop_head(publisher);
	check_flushed(publisher);
	send_next(publisher);
}

static void try_again_later(struct publisher *publisher, const char *why)
{
	publisher->under_way = false;
	log_debug("cannot publish %s, trying again: %s", publisher->head->topic, why);
	loop_timer_arm(publisher->timer, publisher->retry_ms);
	publisher->retry_ms = MIN(publisher->retry_ms * 2, (int64_t)RETRY_MAX_MS);
}

static void forwarded(void *ctx, const struct ttrpc_status *status,
		      const ProtobufCMessage *response)
{
	struct publisher *publisher = ctx;

	(void)response;
	switch (status->code) {
	case TTRPC_CANCELLED:
		return;
	case TTRPC_UNAVAILABLE:
	case TTRPC_DEADLINE_EXCEEDED:
		try_again_later(publisher, status->message);
		return;
	case TTRPC_OK:
		break;
	default:
		log_warn("containerd refuses the event %s: %s", publisher->head->topic,
			 status->message);
	}
	delivered(publisher);
}

static void connection_lost(void *ctx)
{
	struct publisher *publisher = ctx;

	ttrpc_client_free(publisher->client);
	publisher->client = NULL;
}

static void send_by_ttrpc(struct publisher *publisher)
{
	static const struct ttrpc_target target = { "containerd.services.events.ttrpc.v1.Events",
						    "Forward", &kata_like__empty__descriptor };
	const struct event *event = publisher->head;
	KataLike__Events__ForwardRequest request = KATA_LIKE__EVENTS__FORWARD_REQUEST__INIT;
	KataLike__Events__Envelope envelope = KATA_LIKE__EVENTS__ENVELOPE__INIT;
	KataLike__Timestamp timestamp = KATA_LIKE__TIMESTAMP__INIT;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	struct err err = ERR_INIT;
	int r;

	if (!publisher->client &&
	    ttrpc_client_connect(publisher->loop, publisher->ttrpc_address, connection_lost,
				 publisher, &publisher->client, &err) < 0) {
		publisher->client = NULL;
		try_again_later(publisher, err_text(&err));
		return;
	}
	timestamp.seconds = event->when.tv_sec;
	timestamp.nanos = (int32_t)event->when.tv_nsec;
	any.type_url = event->type;
	any.value = (ProtobufCBinaryData){ event->len, event->packed };
	envelope.timestamp = &timestamp;
	envelope.namespace_ = publisher->namespace;
	envelope.topic = event->topic;
	envelope.event = &any;
	request.envelope = &envelope;
	r = ttrpc_client_call(publisher->client, &target, &request.base, SEND_TIMEOUT_MS, forwarded,
			      publisher);
	if (r < 0)
		try_again_later(publisher, strerror(-r));
}

static void command_ended(void *ctx, pid_t pid, int wait_status)
{
	struct publisher *publisher = ctx;

	(void)pid;
	publisher->child = NULL;
	publisher->pid = 0;
	loop_timer_arm(publisher->timer, -1);
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		delivered(publisher);
	else
		try_again_later(publisher, "the command failed");
}

_noreturn_ static void command_main(const struct publisher *publisher, pid_t parent, int input_fd)
{
	if (job_child_reset(parent) < 0 || job_child_streams(input_fd, -1, -1) < 0 ||
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(126);
	execlp(publisher->binary, publisher->binary, "--address", publisher->grpc_address,
	       "publish", "--topic", publisher->head->topic, "--namespace", publisher->namespace,
	       (char *)NULL);
	_exit(127);
}

static int start_command(struct publisher *publisher, int input_fd)
{
	pid_t parent = getpid();
	int r;

	publisher->pid = fork();
	if (publisher->pid == 0)
		command_main(publisher, parent, input_fd);
	if (publisher->pid < 0) {
		publisher->pid = 0;
		return -errno;
	}
	r = loop_add_child(publisher->loop, publisher->pid, command_ended, publisher,
			   &publisher->child);
	if (r < 0) {
		(void)kill(publisher->pid, SIGKILL);
		(void)waitpid(publisher->pid, NULL, 0);
		publisher->pid = 0;
		return r;
	}
	loop_timer_arm(publisher->timer, SEND_TIMEOUT_MS);
	return 0;
}

static void send_by_command(struct publisher *publisher)
{
	const struct event *event = publisher->head;
	KataLike__Any any = KATA_LIKE__ANY__INIT;
	_cleanup_free_ uint8_t *packed = NULL;
	_cleanup_fd_ int read_fd = -1, write_fd = -1;
	int fds[2], r;
	size_t len;

	any.type_url = event->type;
	any.value = (ProtobufCBinaryData){ event->len, event->packed };
	len = kata_like__any__get_packed_size(&any);
	packed = malloc(len + 1);
	if (!packed || len > BINARY_INPUT_MAX || pipe2(fds, O_CLOEXEC) < 0) {
		log_warn("the event %s cannot be published: it has %zu bytes", event->topic, len);
		delivered(publisher);
		return;
	}
	read_fd = fds[0];
	write_fd = fds[1];
	(void)kata_like__any__pack(&any, packed);
	r = fd_write_full(write_fd, packed, len);
	if (r == 0)
		r = start_command(publisher, read_fd);
	if (r < 0)
		try_again_later(publisher, strerror(-r));
}

static void send_next(struct publisher *publisher)
{
	if (publisher->under_way || !publisher->head)
		return;
	publisher->under_way = true;
	if (*publisher->ttrpc_address)
		send_by_ttrpc(publisher);
	else
		send_by_command(publisher);
}

static void timer_fired(void *ctx)
{
	struct publisher *publisher = ctx;

	if (publisher->pid > 0)
		(void)kill(publisher->pid, SIGKILL);
	else
		send_next(publisher);
}

int publisher_new(struct loop *loop, const struct publisher_target *target,
		  struct publisher **ret_publisher, struct err *err)
{
	struct publisher *publisher;

	*ret_publisher = NULL;
	if (!*target->ttrpc_address && !(*target->binary && *target->grpc_address))
		return 0;
	publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return err_set(err, ENOMEM, "cannot publish events");
	*publisher = (struct publisher){
		.loop = loop,
		.namespace = strdup(target->namespace),
		.ttrpc_address = strdup(target->ttrpc_address),
		.grpc_address = strdup(target->grpc_address),
		.binary = strdup(target->binary),
		.tail = &publisher->head,
		.retry_ms = RETRY_MIN_MS,
	};
	if (!publisher->namespace || !publisher->ttrpc_address || !publisher->grpc_address ||
	    !publisher->binary ||
	    loop_add_timer(loop, timer_fired, publisher, &publisher->timer) < 0 ||
	    loop_add_timer(loop, flush_over, publisher, &publisher->flush_timer) < 0) {
		publisher_free(publisher);
		return err_set(err, ENOMEM, "cannot publish events");
	}
	*ret_publisher = publisher;
	return 0;
}

void publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return;
	loop_source_free(publisher->child);
	if (publisher->pid > 0) {
		(void)kill(publisher->pid, SIGKILL);
		(void)waitpid(publisher->pid, NULL, 0);
	}
	ttrpc_client_free(publisher->client);
	loop_source_free(publisher->timer);
	loop_source_free(publisher->flush_timer);
	while (publisher->head)
		drop_head(publisher);
	free(publisher->namespace);
	free(publisher->ttrpc_address);
	free(publisher->grpc_address);
	free(publisher->binary);
	free(publisher);
}

/* Not the first, which may be under way. */
static void make_room(struct publisher *publisher)
{
	struct event *event = publisher->head->next;

	if (publisher->n_events < QUEUE_MAX || !event)
		return;
	if (!publisher->overflowed)
		log_warn("containerd is away too long: more than %u events wait, the oldest go",
			 QUEUE_MAX);
	publisher->overflowed = true;
	publisher->head->next = event->next;
	if (!event->next)
		publisher->tail = &publisher->head->next;
	publisher->n_events--;
	event_free(event);
}

void publisher_send(struct publisher *publisher, const char *topic, const char *type,
		    const uint8_t *packed, size_t len_bytes)
{
	struct event *event;

	if (!publisher)
		return;
	event = calloc(1, sizeof(*event));
	if (event)
		*event = (struct event){ .topic = strdup(topic),
					 .type = strdup(type),
					 .packed = malloc(len_bytes + 1),
					 .len = len_bytes };
	if (!event || !event->topic || !event->type || !event->packed ||
	    clock_gettime(CLOCK_REALTIME, &event->when) < 0) {
		log_error("out of memory: the event %s is lost", topic);
		if (event)
			event_free(event);
		return;
	}
	memcpy(event->packed, packed, len_bytes);
	if (publisher->head)
		make_room(publisher);
	*publisher->tail = event;
	publisher->tail = &event->next;
	publisher->n_events++;
	send_next(publisher);
}

void publisher_flush(struct publisher *publisher, int64_t timeout_ms, loop_fn *done, void *ctx)
{
	publisher->flushed = done;
	publisher->flushed_ctx = ctx;
	loop_timer_arm(publisher->flush_timer, publisher->head ? timeout_ms : 0);
}
