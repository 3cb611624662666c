/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio driver for tests: rings in guest memory, written as a guest's driver writes them (or as
 * a hostile one would), and a transport that counts what a device says to it.
 */
#ifndef KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_FAKE_DRIVER_H
#define KATA_LIKE_TESTS_UNIT_VMM_VIRTIO_FAKE_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmm/mem/guestmem.h"
#include "vmm/virtio/device.h"
#include "vmm/virtio/virtq.h"

/* Memory of the tests: [0, FAKE_HOLE_START) and as much again from FAKE_HOLE_END up. */
#define FAKE_HOLE_START 0x200000ull
#define FAKE_HOLE_END	0x400000ull
#define FAKE_MEM_END	(FAKE_HOLE_END + FAKE_HOLE_START)

#define FAKE_DESC_F_NEXT     1u
#define FAKE_DESC_F_WRITE    2u
#define FAKE_DESC_F_INDIRECT 4u

/* The driver's side of one queue. */
struct fake_ring {
	struct guestmem *mem;
	uint16_t size;
	gpa_t desc, avail, used;
	uint16_t next_desc; /* where fake_ring_add() writes its next descriptor */
	uint16_t avail_idx; /* as published */
	uint16_t used_seen; /* used entries taken so far */
};

struct fake_buffer {
	gpa_t gpa;
	uint32_t len;
	bool writable;
};

/* Maps the memory described above. */
void fake_mem_init(struct guestmem *mem);

/* Lays the rings out at gpa (16-aligned), zeroed. Returns the first address behind them. */
gpa_t fake_ring_init(struct fake_ring *ring, struct guestmem *mem, uint16_t size, gpa_t gpa);
/* Writes the rings' addresses and size into vq and enables it; fails the test unless that works. */
void fake_ring_enable(const struct fake_ring *ring, struct virtq *vq, bool event_idx);

/* Writes one descriptor as it is given. */
void fake_ring_set_desc(struct fake_ring *ring, uint16_t index, gpa_t addr, uint32_t len,
			uint16_t flags, uint16_t next);
/* Publishes head in the available ring. */
void fake_ring_publish(struct fake_ring *ring, uint16_t head);
/* Writes and publishes a chain of n buffers; its head. Descriptors are used round and round. */
uint16_t fake_ring_add(struct fake_ring *ring, const struct fake_buffer *buffers, unsigned n);
/* The same by an indirect table, which is written to table_gpa. */
uint16_t fake_ring_add_indirect(struct fake_ring *ring, gpa_t table_gpa,
				const struct fake_buffer *buffers, unsigned n);
/* Takes one used entry; false if there is none. The outputs may be NULL. */
bool fake_ring_take_used(struct fake_ring *ring, uint32_t *ret_head, uint32_t *ret_len);
/* Event indexes and flags. */
uint16_t fake_ring_avail_event(const struct fake_ring *ring);
uint16_t fake_ring_used_flags(const struct fake_ring *ring);
void fake_ring_set_used_event(struct fake_ring *ring, uint16_t event);
void fake_ring_set_avail_flags(struct fake_ring *ring, uint16_t flags);
void fake_ring_set_avail_idx(struct fake_ring *ring, uint16_t idx);

struct fake_driver {
	struct guestmem mem;
	struct loop *loop;
	pthread_mutex_t lock;
	struct virtio_device *dev;
	struct fake_ring rings[VIRTIO_QUEUES_MAX];
	gpa_t alloc_next;
	/* What the device said. */
	unsigned signals[VIRTIO_QUEUES_MAX];
	unsigned config_changes;
	unsigned
		kicks[VIRTIO_QUEUES_MAX]; /* asked for by virtio_device_kick(), not yet delivered */
	unsigned resets_wanted;
	/* Of queues that are handed over; 0: not made. Signals are those of the others. */
	int kick_fds[VIRTIO_QUEUES_MAX], call_fds[VIRTIO_QUEUES_MAX];
};

/* Memory and a loop; no device yet. */
void fake_driver_init(struct fake_driver *driver);
/*
 * Plays transport and driver: attaches dev (owned from now on), negotiates features, makes a ring
 * for each queue at its largest size and sets DRIVER_OK. The device lock is not held on return.
 */
void fake_driver_attach(struct fake_driver *driver, struct virtio_device *dev, uint64_t features);
/* Attached already and reset: new rings, DRIVER_OK once more. */
void fake_driver_restart(struct fake_driver *driver, uint64_t features);
/* Resets the device, as a write of 0 to the status does. */
void fake_driver_reset(struct fake_driver *driver);
/* Resets and frees the device, if any, then the rest. */
void fake_driver_fini(struct fake_driver *driver);

/* Guest memory that nobody else uses, 16-aligned and zeroed; fails the test when there is no more.
 */
gpa_t fake_driver_alloc(struct fake_driver *driver, uint32_t len_bytes);
/* The memory behind an address; fails the test unless it is mapped. */
void *fake_driver_at(struct fake_driver *driver, gpa_t gpa, uint64_t len_bytes);

uint16_t fake_driver_add(struct fake_driver *driver, uint16_t queue,
			 const struct fake_buffer *buffers, unsigned n);
/* Has the device look at the queue, as the I/O thread does upon a notification. */
void fake_driver_kick(struct fake_driver *driver, uint16_t queue);
/* One round of the loop, waiting at most timeout_ms, and of the kicks that the device asked for. */
void fake_driver_step(struct fake_driver *driver, int timeout_ms);
/* Steps until the queue has a used entry, and takes it; false after timeout_ms without one. */
bool fake_driver_wait_used(struct fake_driver *driver, uint16_t queue, int timeout_ms,
			   uint32_t *ret_head, uint32_t *ret_len);

#endif
