/* SPDX-License-Identifier: Apache-2.0 */
/* The frontend of the vhost-user protocol. */
#include "vmm/virtio/vhost-user.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/syscalls.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/vhost-user-message.h"

/* A guest that resets the device has its vCPU talk to the file server. */
SYSCALLS(SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, poll),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, shutdown),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, recvfrom));

/* Every reply that we wait for is this long. */
#define REPLY_BYTES 8u

_Static_assert(GUESTMEM_REGIONS_MAX <= VHOST_USER_REGIONS_MAX, "guest memory fits one message");
_Static_assert(GUESTMEM_REGIONS_MAX <= FD_PASS_MAX, "likewise its descriptors");

struct message {
	struct vhost_user_header header;
	union {
		uint64_t u64;
		struct vhost_user_memory memory;
		struct vhost_user_vring_state state;
		struct vhost_user_vring_address address;
	} payload;
};

_Static_assert(offsetof(struct message, payload) == 16, "the payload is aligned, so not adjacent");

/* What is on the socket: header and payload without a gap. */
struct packet {
	uint8_t bytes[sizeof(struct vhost_user_header) + sizeof(struct vhost_user_memory)];
};

static int fail(struct vhost_user *backend, const char *why)
{
	if (!backend->broken) {
		backend->broken = why;
		/* Whoever watches the socket sees its end as well. */
		(void)shutdown(backend->fd, SHUT_RDWR);
	}
	return VHOST_USER_E_BROKEN;
}

/* Waits for an event until the deadline. */
static int wait_for(struct vhost_user *backend, short events)
{
	struct pollfd pollfd = { .fd = backend->fd, .events = events };
	int64_t left_ms = backend->deadline_ms - clock_monotonic_ms();
	int r;

	if (left_ms <= 0)
		return fail(backend, "no answer in time");
	r = poll(&pollfd, 1, (int)left_ms);
	if (r < 0 && errno != EINTR)
		return fail(backend, "the socket cannot be polled");
	return 0;
}

static int send_message(struct vhost_user *backend, const struct message *message, const int *fds,
			size_t n_fds)
{
	size_t header_bytes = sizeof(message->header);
	struct packet packet;
	int r;

	memcpy(packet.bytes, &message->header, header_bytes);
	memcpy(packet.bytes + header_bytes, &message->payload, message->header.size_bytes);
	do {
		r = fd_send(backend->fd, packet.bytes, header_bytes + message->header.size_bytes,
			    fds, n_fds);
		if (r == 0)
			return 0;
	} while (r == -EAGAIN && wait_for(backend, POLLOUT) == 0);
	return fail(backend, "the socket takes no message");
}

static int check_header(struct vhost_user *backend, const uint8_t *bytes, uint32_t request)
{
	struct vhost_user_header header;

	memcpy(&header, bytes, sizeof(header));
	if (header.request != request)
		return fail(backend, "a reply to another request");
	if (header.flags != (VHOST_USER_VERSION | VHOST_USER_REPLY))
		return fail(backend, "a reply with wrong flags");
	if (header.size_bytes != REPLY_BYTES)
		return fail(backend, "a reply of a wrong size");
	return 0;
}

/* Reads at most len bytes of a reply. How many, or 0 when the backend broke. */
static size_t receive_some(struct vhost_user *backend, uint8_t *bytes, size_t len)
{
	ssize_t n;
	size_t n_fds;
	int fd;

	do {
		if (wait_for(backend, POLLIN) != 0)
			return 0;
		n_fds = 1;
		n = fd_recv(backend->fd, bytes, len, &fd, &n_fds);
	} while (n == -EAGAIN);
	if (n_fds > 0) {
		close(fd);
		(void)fail(backend, "a reply with a descriptor");
		return 0;
	}
	if (n <= 0) {
		(void)fail(backend, n == 0 ? "it closed the socket" : "the socket failed");
		return 0;
	}
	return (size_t)n;
}

static int receive_reply(struct vhost_user *backend, uint32_t request, void *ret_payload)
{
	uint8_t bytes[sizeof(struct vhost_user_header) + REPLY_BYTES];
	bool checked = false;
	size_t have = 0;

	while (have < sizeof(bytes)) {
		size_t n = receive_some(backend, bytes + have, sizeof(bytes) - have);

		if (n == 0)
			return VHOST_USER_E_BROKEN;
		have += n;
		if (checked || have < sizeof(struct vhost_user_header))
			continue;
		if (check_header(backend, bytes, request) != 0)
			return VHOST_USER_E_BROKEN;
		checked = true;
	}
	memcpy(ret_payload, bytes + sizeof(struct vhost_user_header), REPLY_BYTES);
	return 0;
}

/* The calls: each begins a new time limit. */

static void begin(struct vhost_user *backend)
{
	backend->deadline_ms = clock_monotonic_ms() + backend->timeout_ms;
}

static int get_u64(struct vhost_user *backend, uint32_t request, uint64_t *ret_value)
{
	struct message message = { .header = { request, VHOST_USER_VERSION, 0 } };
	int r = backend->broken ? VHOST_USER_E_BROKEN : send_message(backend, &message, NULL, 0);

	return r == 0 ? receive_reply(backend, request, ret_value) : r;
}

/* Before REPLY_ACK is agreed on. */
static int set_unanswered(struct vhost_user *backend, uint32_t request, uint64_t value,
			  uint32_t size_bytes)
{
	struct message message = { .header = { request, VHOST_USER_VERSION, size_bytes },
				   .payload.u64 = value };

	return backend->broken ? VHOST_USER_E_BROKEN : send_message(backend, &message, NULL, 0);
}

/* Sends the message, whose payload is size_bytes long, and waits until it was obeyed. */
static int set(struct vhost_user *backend, uint32_t request, struct message *message,
	       size_t size_bytes, const int *fds, size_t n_fds)
{
	uint64_t status = 0;
	int r;

	if (backend->broken)
		return VHOST_USER_E_BROKEN;
	message->header =
		(struct vhost_user_header){ request, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
					    (uint32_t)size_bytes };
	r = send_message(backend, message, fds, n_fds);
	if (r == 0)
		r = receive_reply(backend, request, &status);
	if (r == 0 && status != 0)
		r = fail(backend, "it refused a request");
	return r;
}

static int set_u64(struct vhost_user *backend, uint32_t request, uint64_t value, int fd)
{
	struct message message = { .payload.u64 = value };

	return set(backend, request, &message, sizeof(value), &fd, fd >= 0);
}

static int set_state(struct vhost_user *backend, uint32_t request, uint32_t index, uint32_t value)
{
	struct message message = { .payload.state = { .index = index, .value = value } };

	return set(backend, request, &message, sizeof(message.payload.state), NULL, 0);
}

static int negotiate(struct vhost_user *backend, struct err *err)
{
	uint64_t features = 0, protocol_features = 0;
	int r = set_unanswered(backend, VHOST_USER_SET_OWNER, 0, 0);

	if (r == 0)
		r = get_u64(backend, VHOST_USER_GET_FEATURES, &features);
	if (r == 0 && (features & VHOST_USER_F_PROTOCOL_FEATURES))
		r = get_u64(backend, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol_features);
	if (r != 0)
		return err_say(err, EPROTO, "the vhost-user backend failed: %s", backend->broken);
	if (!(features & VIRTIO_F_VERSION_1) ||
	    !(protocol_features & VHOST_USER_PROTOCOL_F_REPLY_ACK))
		return err_say(err, EPROTO,
			       "the vhost-user backend has neither virtio 1 nor REPLY_ACK, or one "
			       "of them only (features %#llx, protocol features %#llx)",
			       (unsigned long long)features, (unsigned long long)protocol_features);
	backend->features = features & ~VHOST_USER_F_PROTOCOL_FEATURES;
	if (set_unanswered(backend, VHOST_USER_SET_PROTOCOL_FEATURES,
			   VHOST_USER_PROTOCOL_F_REPLY_ACK, sizeof(uint64_t)) != 0)
		return err_say(err, EPROTO, "the vhost-user backend failed: %s", backend->broken);
	return 0;
}

int vhost_user_init(struct vhost_user *backend, int fd, unsigned timeout_ms, struct err *err)
{
	int r;

	*backend = (struct vhost_user){ .fd = fd, .timeout_ms = timeout_ms };
	begin(backend);
	r = fd_set_nonblock(fd, 1);
	r = r < 0 ? err_set(err, -r, "cannot use the vhost-user socket") : negotiate(backend, err);
	if (r < 0)
		vhost_user_fini(backend);
	return r;
}

void vhost_user_fini(struct vhost_user *backend)
{
	cleanup_fd(&backend->fd);
	backend->fd = -1;
	if (!backend->broken)
		backend->broken = "the connection is closed";
}

/*
 * Addresses of rings are relative to "user addresses" of the regions. Guest addresses serve as
 * those: where memory lies in this process is not the backend's business.
 */
static int set_memory(struct vhost_user *backend, const struct guestmem *mem)
{
	struct message message = { .payload.memory.n_regions = (uint32_t)mem->n_regions };
	int fds[GUESTMEM_REGIONS_MAX];
	int r;

	assert(mem->shared);
	if (backend->has_memory)
		return 0;
	for (size_t i = 0; i < mem->n_regions; i++) {
		const struct guestmem_region *region = &mem->regions[i];

		message.payload.memory.regions[i] =
			(struct vhost_user_region){ .gpa = region->gpa,
						    .size_bytes = region->size_bytes,
						    .user_address = region->gpa,
						    .fd_offset = region->fd_offset };
		fds[i] = mem->fd;
	}
	r = set(backend, VHOST_USER_SET_MEM_TABLE, &message,
		offsetof(struct vhost_user_memory, regions) +
			sizeof(struct vhost_user_region) * mem->n_regions,
		fds, mem->n_regions);
	backend->has_memory = r == 0;
	return r;
}

/* The kick comes last but one: some backends start with it. */
static int start_queue(struct vhost_user *backend, const struct vhost_user_queue *queue)
{
	struct message message = { .payload.address = { .index = queue->index,
							.desc = queue->desc,
							.used = queue->used,
							.avail = queue->avail } };
	int r = set_state(backend, VHOST_USER_SET_VRING_NUM, queue->index, queue->size);

	if (r == 0)
		r = set_state(backend, VHOST_USER_SET_VRING_BASE, queue->index, 0);
	if (r == 0)
		r = set(backend, VHOST_USER_SET_VRING_ADDR, &message,
			sizeof(message.payload.address), NULL, 0);
	if (r == 0)
		r = set_u64(backend, VHOST_USER_SET_VRING_CALL, queue->index, queue->call_fd);
	if (r == 0)
		r = set_u64(backend, VHOST_USER_SET_VRING_KICK, queue->index, queue->kick_fd);
	return r == 0 ? set_state(backend, VHOST_USER_SET_VRING_ENABLE, queue->index, 1) : r;
}

int vhost_user_start(struct vhost_user *backend, const struct guestmem *mem, uint64_t features,
		     const struct vhost_user_queue *queues, unsigned n_queues)
{
	int r;

	begin(backend);
	r = set_u64(backend, VHOST_USER_SET_FEATURES, features | VHOST_USER_F_PROTOCOL_FEATURES,
		    -1);
	if (r == 0)
		r = set_memory(backend, mem);
	for (unsigned i = 0; i < n_queues && r == 0; i++)
		r = start_queue(backend, &queues[i]);
	return r;
}

/* Where it stopped is of no use: the driver starts over. */
static int stop_queue(struct vhost_user *backend, uint32_t index)
{
	struct message message = { .header = { VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION,
					       sizeof(struct vhost_user_vring_state) },
				   .payload.state = { .index = index } };
	struct vhost_user_vring_state state;
	int r = send_message(backend, &message, NULL, 0);

	if (r == 0)
		r = receive_reply(backend, VHOST_USER_GET_VRING_BASE, &state);
	if (r == 0 && state.index != index)
		r = fail(backend, "a reply about another queue");
	return r;
}

int vhost_user_stop(struct vhost_user *backend, const struct vhost_user_queue *queues,
		    unsigned n_queues)
{
	int r = backend->broken ? VHOST_USER_E_BROKEN : 0;

	begin(backend);
	for (unsigned i = 0; i < n_queues && r == 0; i++)
		r = stop_queue(backend, queues[i].index);
	return r;
}

bool vhost_user_is_alive(struct vhost_user *backend)
{
	uint8_t byte;
	ssize_t n;

	if (backend->broken)
		return false;
	n = recv(backend->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	(void)fail(backend, n > 0    ? "a message that nobody asked for"
			    : n == 0 ? "it closed the socket"
				     : "the socket failed");
	return false;
}
