/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio driver (virtio 1.2) that does as it is told, right or wrong. */
#ifndef KATA_LIKE_TESTS_KVM_HOSTILE_VIRTIO_H
#define KATA_LIKE_TESTS_KVM_HOSTILE_VIRTIO_H

#include "tests/kvm/hostile/machine.h"

#define DEVICES_MAX 16
#define QUEUES_MAX  6
#define RING_MAX    256

#define ID_BLOCK 2
#define ID_NET	 1
#define ID_RNG	 4
#define ID_VSOCK 19
#define ID_FS	 26

#define DESC_NEXT     1
#define DESC_WRITE    2
#define DESC_INDIRECT 4

#define STATUS_ACK	   1
#define STATUS_DRIVER	   2
#define STATUS_DRIVER_OK   4
#define STATUS_FEATURES_OK 8
#define STATUS_NEEDS_RESET 64

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
} __attribute__((packed));

struct ring {
	volatile struct desc *desc;
	volatile uint16_t *avail; /* flags, index, ring… */
	volatile uint16_t *used;  /* flags, index, then 8 bytes an entry */
	uint16_t size, seen;
};

struct device {
	const char *name;
	unsigned slot, id, n_queues;
	bool read_only;
	uint32_t bar;
	volatile uint8_t *common, *config, *notify;
	uint32_t notify_multiplier;
	struct ring rings[QUEUES_MAX];
};

/* Registers of the common configuration. */
#define COMMON_FEATURE_SELECT	     0x00
#define COMMON_FEATURE		     0x04
#define COMMON_DRIVER_FEATURE_SELECT 0x08
#define COMMON_DRIVER_FEATURE	     0x0c
#define COMMON_CONFIG_VECTOR	     0x10
#define COMMON_STATUS		     0x14
#define COMMON_QUEUE_SELECT	     0x16
#define COMMON_QUEUE_SIZE	     0x18
#define COMMON_QUEUE_VECTOR	     0x1a
#define COMMON_QUEUE_ENABLE	     0x1c
#define COMMON_QUEUE_DESC	     0x20
#define COMMON_QUEUE_AVAIL	     0x28
#define COMMON_QUEUE_USED	     0x30

static inline void set8(volatile uint8_t *at, uint8_t value)
{
	*at = value;
}

static inline void set16(volatile uint8_t *at, uint16_t value)
{
	*(volatile uint16_t *)at = value;
}

static inline void set32(volatile uint8_t *at, uint32_t value)
{
	*(volatile uint32_t *)at = value;
}

static inline uint16_t get16(const volatile uint8_t *at)
{
	return *(const volatile uint16_t *)at;
}

static inline uint32_t get32(const volatile uint8_t *at)
{
	return *(const volatile uint32_t *)at;
}

static inline void set64(volatile uint8_t *at, uint64_t value)
{
	set32(at, (uint32_t)value);
	set32(at + 4, (uint32_t)(value >> 32));
}

/* Finds all virtio devices; returns how many. */
unsigned devices_find(struct device *devices);

void device_reset(struct device *device);
/* Reset, then features. without: those of the low word that are not taken. */
void device_negotiate(struct device *device, uint32_t without);
/* Rings at the usual place, all zero; enabled. */
void device_set_up_queues(struct device *device);
/* Puts one queue's parts where they are said to be. */
void device_place_queue(struct device *device, unsigned queue, uint64_t desc, uint64_t avail,
			uint64_t used, uint16_t size);
/* All of it, well-behaved, up to DRIVER_OK. */
void device_start(struct device *device);

void device_notify(struct device *device, unsigned queue);
void ring_set(struct ring *ring, uint16_t index, uint64_t addr, uint32_t len, uint16_t flags,
	      uint16_t next);
/* Makes head available, without notifying. */
void ring_post(struct ring *ring, uint16_t head);
/* Waits a while for the next used entry; false when none comes. */
bool ring_take(struct ring *ring, uint32_t *ret_head, uint32_t *ret_len);

/* Starts the device as a good driver does and has it do its work once. */
bool device_works(struct device *device);

/* Memory that nothing else uses, of a page each; 0 to 255. */
uint8_t *page(unsigned n);
static inline uint32_t address(const volatile void *pointer)
{
	return (uint32_t)(uintptr_t)pointer;
}

#endif
