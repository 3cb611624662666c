/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-vsock device (virtio 1.2, 5.10), in user space: no host module, no CID of the host's.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_H

#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/virtio/device.h"

/* For how long a guest may leave a connection request, and the end of a connection, unanswered. */
#define VSOCK_CONNECT_TIMEOUT_MS 30000u
#define VSOCK_CLOSE_TIMEOUT_MS	 8000u

struct vsock_config {
	uint64_t guest_cid;
	uint32_t first_host_port;    /* of our own connections; 0: the first that there is */
	int link_fd;		     /* the VMM's end of proto/vsock-link.h */
	int uds_listen_fd;	     /* a listening Unix socket for CONNECT clients, or -1 */
	uint32_t connect_timeout_ms; /* 0: VSOCK_CONNECT_TIMEOUT_MS */
	uint32_t close_timeout_ms;   /* 0: VSOCK_CLOSE_TIMEOUT_MS */
};

/*
 * Owns both descriptors from the call on, even when it fails, and makes them non-blocking. The
 * device must be freed before the loop that it was attached to. At any time it holds at most
 * VSOCK_CONNECTIONS_MAX + VSOCK_UDS_CLIENTS_MAX + 8 descriptors.
 */
int vsock_new(const struct vsock_config *config, struct virtio_device **ret_dev, struct err *err)
	_must_check_;

#endif
