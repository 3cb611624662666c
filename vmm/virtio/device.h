/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a virtio device is to its transport. A device is one file that ends in one
 * `const struct virtio_device_ops`; adding one changes nothing else but the list in meson.build.
 *
 * Threads: every call into a device, and every call a device makes here, happens with the VM's
 * device lock held. Queue notifications arrive on the I/O thread (never on a vCPU), register and
 * configuration accesses on vCPU threads.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_DEVICE_H
#define KATA_LIKE_VMM_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/loop.h"
#include "lib/ratelimit.h"
#include "vmm/mem/guestmem.h"
#include "vmm/virtio/virtq.h"

#define VIRTIO_QUEUES_MAX 17

/* Feature bits every device offers through the transport (virtio 1.2, 6). */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_VERSION_1     (1ull << 32)

struct virtio_device;

struct virtio_device_ops {
	const char *name;   /* "block", for logs */
	uint16_t virtio_id; /* virtio 1.2, 5 */
	uint8_t pci_class, pci_subclass;
	uint16_t n_queues;
	const uint16_t *queue_sizes; /* the largest that each queue may have */
	size_t config_bytes;	     /* of the device-specific configuration */
	/*
	 * The first so many queues are served by another process, or by threads of the device's
	 * own, with descriptors from virtio_device_queue_events(). notify() is not called for them
	 * unless the device takes them back.
	 */
	uint16_t n_handed_over;

	/*
	 * Once, right after the transport filled in its part: the place to add descriptors to
	 * dev->loop. They stay there until free(): vCPU threads, which reset and activate, must not
	 * touch the loop. May be NULL. 0 or -errno.
	 */
	int (*attach)(struct virtio_device *dev, struct err *err);
	/* The driver set DRIVER_OK: features and queues are final. May be NULL, as may reset. */
	void (*activate)(struct virtio_device *dev);
	/* The driver made buffers available in queue. On the I/O thread. */
	void (*notify)(struct virtio_device *dev, uint16_t queue);
	/*
	 * Back to the state before activate. Requests in flight may still touch guest memory, so
	 * this waits for them or cancels them; afterwards none is completed any more. Queues are
	 * reset by the transport afterwards.
	 */
	void (*reset)(struct virtio_device *dev);
	/* offset + len is within config_bytes. NULL config_write: writes are ignored. */
	void (*config_read)(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len);
	void (*config_write)(struct virtio_device *dev, uint32_t offset, const void *src,
			     uint32_t len);
	/*
	 * Whether its queues and features are all that there is to save of it now. NULL: it can
	 * never be saved.
	 */
	bool (*at_rest)(const struct virtio_device *dev);
	/* Releases the device itself; reset has run. */
	void (*free)(struct virtio_device *dev);
};

/*
 * Embedded first in each device. What the transport fills in is set by virtio_pci_add(), before any
 * other call; what the device fills in is set by its own new().
 */
struct virtio_device {
	const struct virtio_device_ops *ops; /* device */
	uint64_t features_offered; /* device: its own bits; the transport adds the common ones */
	uint64_t features;	   /* what the driver accepted */
	const struct guestmem *mem;
	struct loop *loop;     /* of the I/O thread */
	pthread_mutex_t *lock; /* the device lock: take it in callbacks of your own descriptors */
	struct virtq queues[VIRTIO_QUEUES_MAX];
	struct ratelimit complaints; /* at most one log line a second about a misbehaving driver */
	bool active;		     /* between activate and reset, and not broken */
	void *transport;
	/* Set by the transport: see virtio_device_signal() and friends. */
	void (*signal_queue)(struct virtio_device *dev, uint16_t queue);
	void (*signal_config)(struct virtio_device *dev);
	void (*kick_queue)(struct virtio_device *dev, uint16_t queue);
	void (*needs_reset)(struct virtio_device *dev);
	void (*queue_events)(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
			     int *ret_call_fd);
	int (*take_back)(struct virtio_device *dev);
};

/* Interrupts the driver for queue if it wants to be (virtq_should_signal). */
void virtio_device_signal(struct virtio_device *dev, uint16_t queue);

/*
 * Has notify() called for queue once more, after the loop's other sources had their turn: for a
 * device that stops early so as not to keep the I/O thread. Any thread.
 */
void virtio_device_kick(struct virtio_device *dev, uint16_t queue);

/* Tells the driver that the configuration changed. */
void virtio_device_config_changed(struct virtio_device *dev);

/*
 * The driver broke the device's protocol: logs why (rate-limited), stops the device and asks for a
 * reset (virtio 1.2, 2.1.2). The process goes on.
 */
void virtio_device_broken(struct virtio_device *dev, const char *why);

/* The same where not the driver is to blame but what the device stands on in the host. */
void virtio_device_failed(struct virtio_device *dev, const char *why);

/*
 * For queues that are handed over: the eventfd that the driver's notifications write, and the one
 * that interrupts the driver. Both stay the transport's, and valid until the device is freed or its
 * queues are taken back. Another process that has them can make a write to them block: the
 * transport never writes them.
 */
void virtio_device_queue_events(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
				int *ret_call_fd);

/*
 * From now on the queues' notifications come to notify(), by descriptors that nobody else has. For
 * good; on the I/O thread only. 0 or -errno.
 */
int virtio_device_take_back(struct virtio_device *dev) _must_check_;

#endif
