/* SPDX-License-Identifier: Apache-2.0 */
/* A vhost-user backend for tests. */
#include "tests/unit/vmm/virtio/fake-backend.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/unit/test.h"
#include "vmm/virtio/device.h"

/* A whole message, which the frontend sends at one go. */
struct request {
	struct vhost_user_header header;
	uint8_t payload[sizeof(struct vhost_user_memory)];
	int fds[VHOST_USER_REGIONS_MAX];
	size_t n_fds;
};

static bool receive(struct fake_backend *backend, struct request *request)
{
	request->n_fds = ARRAY_SIZE(request->fds);
	return fd_recv(backend->fd, &request->header, sizeof(request->header), request->fds,
		       &request->n_fds) == (ssize_t)sizeof(request->header) &&
	       request->header.size_bytes <= sizeof(request->payload) &&
	       fd_read_full(backend->fd, request->payload, request->header.size_bytes) ==
		       (ssize_t)request->header.size_bytes;
}

static void keep_fd(int *fd, const struct request *request)
{
	if (*fd >= 0)
		close(*fd);
	*fd = request->n_fds == 1 ? request->fds[0] : -1;
}

static void keep_memory(struct fake_backend *backend, const struct request *request)
{
	memcpy(&backend->memory, request->payload, request->header.size_bytes);
	for (size_t i = 0; i < request->n_fds; i++)
		backend->memory_fds[i] = request->fds[i];
}

/* Remembers what it is told; *ret_value is the answer's payload. */
static void obey(struct fake_backend *backend, const struct request *request, uint64_t *ret_value)
{
	struct vhost_user_vring_state state = { 0 };
	struct fake_backend_queue *queue;

	memcpy(&state, request->payload, sizeof(state));
	queue = &backend->queues[state.index % ARRAY_SIZE(backend->queues)];
	switch (request->header.request) {
	case VHOST_USER_GET_FEATURES:
		*ret_value = backend->features;
		break;
	case VHOST_USER_SET_FEATURES:
		memcpy(&backend->accepted_features, request->payload, sizeof(uint64_t));
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		*ret_value = backend->protocol_features;
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		memcpy(&backend->accepted_protocol_features, request->payload, sizeof(uint64_t));
		break;
	case VHOST_USER_SET_MEM_TABLE:
		keep_memory(backend, request);
		break;
	case VHOST_USER_SET_VRING_NUM:
		queue->size = state.value;
		break;
	case VHOST_USER_SET_VRING_BASE:
		queue->base = state.value;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		memcpy(&queue->address, request->payload, sizeof(queue->address));
		break;
	case VHOST_USER_SET_VRING_KICK:
		keep_fd(&queue->kick_fd, request);
		break;
	case VHOST_USER_SET_VRING_CALL:
		keep_fd(&queue->call_fd, request);
		break;
	case VHOST_USER_SET_VRING_ENABLE:
		queue->enabled = state.value;
		break;
	case VHOST_USER_GET_VRING_BASE:
		queue->n_stopped++;
		queue->enabled = false;
		*ret_value = state.index;
		break;
	default:
		break;
	}
}

static bool has_reply(const struct vhost_user_header *header)
{
	return header->request == VHOST_USER_GET_FEATURES ||
	       header->request == VHOST_USER_GET_PROTOCOL_FEATURES ||
	       header->request == VHOST_USER_GET_VRING_BASE ||
	       (header->flags & VHOST_USER_NEED_REPLY);
}

static void trickle(struct fake_backend *backend, const uint8_t *bytes, size_t len)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (size_t i = 0; i < len; i++) {
		if (send(backend->fd, bytes + i, 1, MSG_NOSIGNAL) != 1)
			return;
		nanosleep(&pause, NULL);
	}
}

static void reply(struct fake_backend *backend, uint32_t request, uint64_t value)
{
	struct {
		struct vhost_user_header header;
		uint64_t value;
	} __attribute__((packed))
	packet = { { request, VHOST_USER_VERSION | VHOST_USER_REPLY, sizeof(uint64_t) }, value };
	enum fake_trick trick = request == backend->trick_request ? backend->trick : TRICK_NONE;
	size_t len = sizeof(packet), n_fds = 0;

	switch (trick) {
	case TRICK_SILENCE:
		return;
	case TRICK_CLOSE:
		(void)shutdown(backend->fd, SHUT_RDWR);
		return;
	case TRICK_HALF_A_HEADER:
		len = sizeof(packet.header) / 2;
		break;
	case TRICK_HALF_A_PAYLOAD:
		len = sizeof(packet) - 1;
		break;
	case TRICK_TRICKLE:
		trickle(backend, (const uint8_t *)&packet, sizeof(packet));
		return;
	case TRICK_OTHER_REQUEST:
		packet.header.request ^= 1;
		break;
	case TRICK_NO_REPLY_FLAG:
		packet.header.flags = VHOST_USER_VERSION;
		break;
	case TRICK_OTHER_VERSION:
		packet.header.flags = VHOST_USER_REPLY | 2;
		break;
	case TRICK_SIZE_0:
		packet.header.size_bytes = 0;
		len = sizeof(packet.header);
		break;
	case TRICK_SIZE_HUGE:
		packet.header.size_bytes = UINT32_MAX;
		break;
	case TRICK_DESCRIPTORS:
		n_fds = 1;
		break;
	case TRICK_REFUSE:
	case TRICK_OTHER_QUEUE:
		packet.value ^= 1;
		break;
	default:
		break;
	}
	(void)!fd_send(backend->fd, &packet, len, &backend->fd, n_fds);
}

static void *run(void *ctx)
{
	struct fake_backend *backend = ctx;
	struct request request;

	while (receive(backend, &request)) {
		uint64_t value = 0;

		backend->n_messages++;
		obey(backend, &request, &value);
		if (has_reply(&request.header))
			reply(backend, request.header.request, value);
	}
	return NULL;
}

int fake_backend_start(struct fake_backend *backend, uint32_t trick_request, enum fake_trick trick)
{
	int pair[2];

	*backend = (struct fake_backend){
		.features = FAKE_BACKEND_FEATURES,
		.protocol_features = VHOST_USER_PROTOCOL_F_REPLY_ACK | 1,
		.trick_request = trick_request,
		.trick = trick,
	};
	for (unsigned i = 0; i < ARRAY_SIZE(backend->queues); i++)
		backend->queues[i].kick_fd = backend->queues[i].call_fd = -1;
	for (unsigned i = 0; i < ARRAY_SIZE(backend->memory_fds); i++)
		backend->memory_fds[i] = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	backend->fd = pair[1];
	assert_int_equal(pthread_create(&backend->thread, NULL, run, backend), 0);
	return pair[0];
}

void fake_backend_kill(struct fake_backend *backend)
{
	if (backend->fd < 0)
		return;
	(void)shutdown(backend->fd, SHUT_RDWR);
	pthread_join(backend->thread, NULL);
	close(backend->fd);
	backend->fd = -1;
}

void fake_backend_stop(struct fake_backend *backend)
{
	fake_backend_kill(backend);
	for (unsigned i = 0; i < ARRAY_SIZE(backend->queues); i++) {
		cleanup_fd(&backend->queues[i].kick_fd);
		cleanup_fd(&backend->queues[i].call_fd);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(backend->memory_fds); i++)
		cleanup_fd(&backend->memory_fds[i]);
}
