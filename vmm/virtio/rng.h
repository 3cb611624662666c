/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng: random bytes of the host's kernel for the guest (virtio 1.2, 5.4). */
#ifndef KATA_LIKE_VMM_VIRTIO_RNG_H
#define KATA_LIKE_VMM_VIRTIO_RNG_H

#include "lib/err.h"
#include "vmm/virtio/device.h"

int rng_new(struct virtio_device **ret_dev, struct err *err) _must_check_;

#endif
