/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attacks: each goes at one device, which was started as a good driver does, and leaves it in
 * whatever state. Afterwards the device must work again.
 */
#ifndef KATA_LIKE_TESTS_KVM_HOSTILE_ATTACKS_H
#define KATA_LIKE_TESTS_KVM_HOSTILE_ATTACKS_H

#include "tests/kvm/hostile/virtio.h"

struct attack {
	const char *name;
	void (*go)(struct device *device);
	unsigned only; /* a device's virtio id; 0: every device */
};

extern const struct attack ring_attacks[], register_attacks[], device_attacks[], net_attacks[];
extern const unsigned n_ring_attacks, n_register_attacks, n_device_attacks, n_net_attacks;

/*
 * What belongs to no virtio device: the serial port, every other port, and every function's
 * configuration space.
 */
void attack_console(void);
void attack_ports(void);
void attack_configuration(void);

/* Posts one chain on each of the device's queues, that begins with descriptor 0. */
void post_everywhere(struct device *device);

#endif
