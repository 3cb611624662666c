/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frontend of the vhost-user protocol: tells another process, the backend, to serve a device's
 * queues straight in guest memory.
 *
 * The backend works for the guest, who may have taken it over. What it says is bounded in length
 * and must be the reply we wait for; what it does not say in time ends the connection. Each of the
 * calls takes at most timeout_ms, however many messages it exchanges. After the first failure the
 * connection is shut down and every further call fails at once.
 *
 * The backend must have REPLY_ACK: each message is answered, so a failure is known where it
 * happens.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VHOST_USER_H
#define KATA_LIKE_VMM_VIRTIO_VHOST_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

/* Positive result: the backend went away or broke the protocol; vhost_user.broken says how. */
#define VHOST_USER_E_BROKEN 1

struct vhost_user {
	int fd; /* owned; -1 once closed */
	unsigned timeout_ms;
	int64_t deadline_ms; /* of the call that runs */
	uint64_t features;   /* virtio features that the backend has */
	bool has_memory;     /* it was told where guest memory is */
	const char *broken;  /* why nothing works any more, or NULL; a string constant */
};

/* A queue as the backend needs it. Addresses must have been checked: virtq_enable() does. */
struct vhost_user_queue {
	uint32_t index;
	uint16_t size;
	gpa_t desc, avail, used;
	int kick_fd, call_fd; /* eventfds, borrowed */
};

/*
 * Takes the connected stream socket fd, on failure too, and negotiates. -EPROTO with a message if
 * the backend does not do its part.
 */
int vhost_user_init(struct vhost_user *backend, int fd, unsigned timeout_ms, struct err *err)
	_must_check_;
void vhost_user_fini(struct vhost_user *backend);

/* Has the queues served with these virtio features. mem must be shared. 0 or VHOST_USER_E_BROKEN.
 */
int vhost_user_start(struct vhost_user *backend, const struct guestmem *mem, uint64_t features,
		     const struct vhost_user_queue *queues, unsigned n_queues) _must_check_;

/*
 * Has the queues served no more; when it returns 0, no request of theirs is in the works. Otherwise
 * VHOST_USER_E_BROKEN: the backend may go on writing to guest memory.
 */
int vhost_user_stop(struct vhost_user *backend, const struct vhost_user_queue *queues,
		    unsigned n_queues) _must_check_;

/* To be called when the socket has an event: whether the backend is still there. */
bool vhost_user_is_alive(struct vhost_user *backend);

#endif
