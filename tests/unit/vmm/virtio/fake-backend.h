/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user backend for tests, in a thread: it answers what it is asked and remembers what it
 * was told, but at one request it plays a trick.
 */
#ifndef KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_FAKE_BACKEND_H
#define KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_FAKE_BACKEND_H

#include <pthread.h>
#include <stdbool.h>

#include "vmm/virtio/vhost-user-message.h"

#define FAKE_BACKEND_FEATURES                                                            \
	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | 1ull << 26 | \
	 VHOST_USER_F_PROTOCOL_FEATURES)

enum fake_trick {
	TRICK_NONE,
	TRICK_SILENCE,
	TRICK_CLOSE,
	TRICK_HALF_A_HEADER, /* and nothing more */
	TRICK_HALF_A_PAYLOAD,
	TRICK_TRICKLE, /* a byte each 20 ms */
	TRICK_OTHER_REQUEST,
	TRICK_NO_REPLY_FLAG,
	TRICK_OTHER_VERSION,
	TRICK_SIZE_0,
	TRICK_SIZE_HUGE,
	TRICK_DESCRIPTORS,
	TRICK_REFUSE,	   /* requests that are only acknowledged */
	TRICK_OTHER_QUEUE, /* GET_VRING_BASE */
	N_TRICKS,
};

/* The time for a call to a backend with the trick: little where it has to run out. In ms. */
#define FAKE_BACKEND_LIMIT_MS 200u
static inline unsigned fake_backend_limit_ms(enum fake_trick trick)
{
	bool waits = trick == TRICK_SILENCE || trick == TRICK_HALF_A_HEADER ||
		     trick == TRICK_HALF_A_PAYLOAD || trick == TRICK_TRICKLE;

	return waits ? FAKE_BACKEND_LIMIT_MS : 30000;
}

struct fake_backend_queue {
	uint32_t size, base;
	struct vhost_user_vring_address address;
	int kick_fd, call_fd; /* ours */
	bool enabled;
	unsigned n_stopped;
};

struct fake_backend {
	pthread_t thread;
	int fd;
	uint64_t features, protocol_features; /* that it says it has */
	uint32_t trick_request;
	enum fake_trick trick;
	/* What it was told. To be read when a call that it answered has returned. */
	unsigned n_messages;
	uint64_t accepted_features, accepted_protocol_features;
	struct vhost_user_memory memory;
	int memory_fds[VHOST_USER_REGIONS_MAX];
	struct fake_backend_queue queues[2];
};

/* Starts it; returns the frontend's end of its socket. */
int fake_backend_start(struct fake_backend *backend, uint32_t trick_request, enum fake_trick trick);
/* Ends the connection from its side, as its death does. What it was told can be read still. */
void fake_backend_kill(struct fake_backend *backend);
/* Ends it unless it was killed, and closes all that it had. */
void fake_backend_stop(struct fake_backend *backend);

#endif
