/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device for tests of its transport: it counts calls and gives back what it is given. */
#ifndef KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_ECHO_DEVICE_H
#define KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_ECHO_DEVICE_H

#include "vmm/virtio/device.h"

#define ECHO_VIRTIO_ID	  42
#define ECHO_QUEUES	  2
#define ECHO_CONFIG_BYTES 12

extern const uint16_t echo_queue_sizes[ECHO_QUEUES];

struct echo {
	struct virtio_device dev;
	uint8_t config[ECHO_CONFIG_BYTES];
	unsigned n_attached, n_activated, n_notified, n_reset;
	unsigned *n_freed; /* the test's, as it outlives the device */
	int attach_result;
};

void echo_init(struct echo *echo, uint64_t features, unsigned *n_freed);

#endif
