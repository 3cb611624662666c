/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common configuration of a virtio PCI device (virtio 1.2, 4.1.4.3).
 *
 * The driver may access registers in any size and alignment. A read takes its bytes from an image
 * of all registers; a write puts its bytes over that image and then sets each register that it
 * touched.
 *
 * What a driver may do when (virtio 1.2, 3.1.1): features until FEATURES_OK, queues between
 * FEATURES_OK and DRIVER_OK, and each queue only until it is enabled. Anything else is ignored, so
 * that a ring never changes under a device that uses it.
 */
#include "vmm/virtio/virtio-pci-regs.h"

#include <string.h>

enum reg {
	REG_DEVICE_FEATURE_SELECT,
	REG_DEVICE_FEATURE,
	REG_DRIVER_FEATURE_SELECT,
	REG_DRIVER_FEATURE,
	REG_CONFIG_VECTOR,
	REG_NUM_QUEUES,
	REG_STATUS,
	REG_CONFIG_GENERATION,
	REG_QUEUE_SELECT,
	REG_QUEUE_SIZE,
	REG_QUEUE_VECTOR,
	REG_QUEUE_ENABLE,
	REG_QUEUE_NOTIFY_OFF,
	REG_QUEUE_DESC,
	REG_QUEUE_AVAIL,
	REG_QUEUE_USED,
	N_REGS,
};

static const struct {
	uint8_t offset, len;
} regs[N_REGS] = {
	[REG_DEVICE_FEATURE_SELECT] = { 0, 4 },
	[REG_DEVICE_FEATURE] = { 4, 4 },
	[REG_DRIVER_FEATURE_SELECT] = { 8, 4 },
	[REG_DRIVER_FEATURE] = { 12, 4 },
	[REG_CONFIG_VECTOR] = { 16, 2 },
	[REG_NUM_QUEUES] = { 18, 2 },
	[REG_STATUS] = { 20, 1 },
	[REG_CONFIG_GENERATION] = { 21, 1 },
	[REG_QUEUE_SELECT] = { 22, 2 },
	[REG_QUEUE_SIZE] = { 24, 2 },
	[REG_QUEUE_VECTOR] = { 26, 2 },
	[REG_QUEUE_ENABLE] = { 28, 2 },
	[REG_QUEUE_NOTIFY_OFF] = { 30, 2 },
	[REG_QUEUE_DESC] = { 32, 8 },
	[REG_QUEUE_AVAIL] = { 40, 8 },
	[REG_QUEUE_USED] = { 48, 8 },
};

void virtio_pci_regs_init(struct virtio_pci *pci)
{
	pci->state = (struct virtio_pci_state){
		.config_vector = VIRTIO_PCI_NO_VECTOR,
		.config_generation = pci->state.config_generation,
	};
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		pci->state.queue_vectors[i] = VIRTIO_PCI_NO_VECTOR;
		if (i < pci->dev->ops->n_queues)
			pci->dev->queues[i].state.size = pci->dev->ops->queue_sizes[i];
	}
}

/* The 32 feature bits that a select register shows. */
static uint32_t feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

static uint64_t queue_register(const struct virtio_pci *pci, enum reg reg)
{
	uint16_t queue = pci->state.queue_select;
	const struct virtq_state *vq;

	if (queue >= pci->dev->ops->n_queues)
		return reg == REG_QUEUE_VECTOR ? VIRTIO_PCI_NO_VECTOR : 0;
	vq = &pci->dev->queues[queue].state;
	switch (reg) {
	case REG_QUEUE_SIZE:
		return vq->size;
	case REG_QUEUE_VECTOR:
		return pci->state.queue_vectors[queue];
	case REG_QUEUE_ENABLE:
		return vq->ready;
	case REG_QUEUE_NOTIFY_OFF:
		return queue;
	case REG_QUEUE_DESC:
		return vq->desc;
	case REG_QUEUE_AVAIL:
		return vq->avail;
	case REG_QUEUE_USED:
		return vq->used;
	default:
		return 0;
	}
}

static uint64_t get(const struct virtio_pci *pci, enum reg reg)
{
	const struct virtio_pci_state *state = &pci->state;

	switch (reg) {
	case REG_DEVICE_FEATURE_SELECT:
		return state->device_feature_select;
	case REG_DEVICE_FEATURE:
		return feature_word(pci->dev->features_offered, state->device_feature_select);
	case REG_DRIVER_FEATURE_SELECT:
		return state->driver_feature_select;
	case REG_DRIVER_FEATURE:
		return feature_word(state->driver_features, state->driver_feature_select);
	case REG_CONFIG_VECTOR:
		return state->config_vector;
	case REG_NUM_QUEUES:
		return pci->dev->ops->n_queues;
	case REG_STATUS:
		return state->status;
	case REG_CONFIG_GENERATION:
		return state->config_generation;
	case REG_QUEUE_SELECT:
		return state->queue_select;
	default:
		return queue_register(pci, reg);
	}
}

static void accept_features(struct virtio_pci *pci, uint32_t word)
{
	struct virtio_pci_state *state = &pci->state;
	uint32_t shift = 32 * state->driver_feature_select;

	if ((state->status & VIRTIO_STATUS_FEATURES_OK) || state->driver_feature_select >= 2)
		return;
	state->driver_features &= ~(0xffffffffull << shift);
	state->driver_features |= (uint64_t)word << shift;
}

/* Whether the driver may have FEATURES_OK (virtio 1.2, 3.1.1 step 6, and 6.1). */
static bool features_are_ok(const struct virtio_pci *pci)
{
	uint64_t features = pci->state.driver_features;

	return (features & ~pci->dev->features_offered) == 0 && (features & VIRTIO_F_VERSION_1);
}

void virtio_pci_reset(struct virtio_pci *pci)
{
	struct virtio_device *dev = pci->dev;

	dev->active = false;
	if (dev->ops->reset)
		dev->ops->reset(dev);
	for (unsigned i = 0; i < dev->ops->n_queues; i++)
		virtq_reset(&dev->queues[i]);
	dev->features = 0;
	virtio_pci_regs_init(pci);
	virtio_pci_place_doorbells(pci);
	virtio_pci_place_taps(pci);
}

static void set_status(struct virtio_pci *pci, uint8_t value)
{
	struct virtio_pci_state *state = &pci->state;
	uint8_t before = state->status;
	uint8_t rising;

	if (value == 0) {
		virtio_pci_reset(pci);
		return;
	}
	/* A driver may not clear bits but by a reset; those that it leaves out simply stay. */
	rising = (uint8_t)(value & ~before & ~VIRTIO_STATUS_NEEDS_RESET);
	if ((rising & VIRTIO_STATUS_FEATURES_OK) && !features_are_ok(pci))
		rising &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
	if (!((before | rising) & VIRTIO_STATUS_FEATURES_OK))
		rising &= (uint8_t)~VIRTIO_STATUS_DRIVER_OK;
	state->status |= rising;
	if (rising & VIRTIO_STATUS_FEATURES_OK)
		pci->dev->features = state->driver_features;
	if ((rising & VIRTIO_STATUS_DRIVER_OK) && !(before & VIRTIO_STATUS_NEEDS_RESET)) {
		pci->dev->active = true;
		if (pci->dev->ops->activate)
			pci->dev->ops->activate(pci->dev);
	}
}

static uint16_t vector_or_none(const struct virtio_pci *pci, uint64_t value)
{
	return value < pci->msix.n_vectors ? (uint16_t)value : VIRTIO_PCI_NO_VECTOR;
}

static void enable_queue(struct virtio_pci *pci, uint16_t queue)
{
	struct virtq *vq = &pci->dev->queues[queue];

	vq->state.event_idx = pci->dev->features & VIRTIO_F_EVENT_IDX;
	if (vq->state.size > pci->dev->ops->queue_sizes[queue])
		virtio_device_broken(pci->dev, "a queue larger than the device offered");
	else if (virtq_enable(vq) != 0)
		virtio_device_broken(pci->dev, vq->broken);
	else
		virtio_pci_place_doorbells(pci);
}

static void set_queue_register(struct virtio_pci *pci, enum reg reg, uint64_t value)
{
	struct virtio_pci_state *state = &pci->state;
	uint16_t queue = state->queue_select;
	struct virtq_state *vq;

	if (queue >= pci->dev->ops->n_queues)
		return;
	vq = &pci->dev->queues[queue].state;
	if (reg == REG_QUEUE_VECTOR) {
		state->queue_vectors[queue] = vector_or_none(pci, value);
		return;
	}
	/* Rings are fixed once in use (an out-of-bounds write elsewhere: CVE-2026-5747). */
	if (vq->ready || (state->status & VIRTIO_STATUS_DRIVER_OK) ||
	    !(state->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	switch (reg) {
	case REG_QUEUE_SIZE:
		vq->size = (uint16_t)value;
		break;
	case REG_QUEUE_ENABLE:
		if (value == 1)
			enable_queue(pci, queue);
		break;
	case REG_QUEUE_DESC:
		vq->desc = value;
		break;
	case REG_QUEUE_AVAIL:
		vq->avail = value;
		break;
	case REG_QUEUE_USED:
		vq->used = value;
		break;
	default:
		break;
	}
}

static void set(struct virtio_pci *pci, enum reg reg, uint64_t value)
{
	struct virtio_pci_state *state = &pci->state;

	switch (reg) {
	case REG_DEVICE_FEATURE_SELECT:
		state->device_feature_select = (uint32_t)value;
		break;
	case REG_DRIVER_FEATURE_SELECT:
		state->driver_feature_select = (uint32_t)value;
		break;
	case REG_DRIVER_FEATURE:
		accept_features(pci, (uint32_t)value);
		break;
	case REG_CONFIG_VECTOR:
		state->config_vector = vector_or_none(pci, value);
		break;
	case REG_STATUS:
		set_status(pci, (uint8_t)value);
		break;
	case REG_QUEUE_SELECT:
		state->queue_select = (uint16_t)value;
		break;
	case REG_DEVICE_FEATURE:
	case REG_NUM_QUEUES:
	case REG_CONFIG_GENERATION:
	case REG_QUEUE_NOTIFY_OFF:
		break; /* read-only */
	default:
		set_queue_register(pci, reg, value);
		break;
	}
}

static void make_image(const struct virtio_pci *pci, uint8_t image[VIRTIO_PCI_COMMON_BYTES])
{
	for (unsigned reg = 0; reg < N_REGS; reg++) {
		uint64_t value = get(pci, (enum reg)reg);

		memcpy(image + regs[reg].offset, &value, regs[reg].len);
	}
}

void virtio_pci_regs_read(struct virtio_pci *pci, uint64_t offset, void *dst, unsigned len)
{
	uint8_t image[VIRTIO_PCI_COMMON_BYTES];

	memset(dst, 0, len);
	if (offset >= sizeof(image))
		return;
	make_image(pci, image);
	memcpy(dst, image + offset, MIN((uint64_t)len, sizeof(image) - offset));
}

void virtio_pci_regs_write(struct virtio_pci *pci, uint64_t offset, const void *src, unsigned len)
{
	uint8_t image[VIRTIO_PCI_COMMON_BYTES];
	uint64_t end;

	if (offset >= sizeof(image))
		return;
	end = MIN(offset + len, (uint64_t)sizeof(image));
	make_image(pci, image);
	memcpy(image + offset, src, end - offset);
	for (unsigned reg = 0; reg < N_REGS; reg++) {
		uint64_t value = 0;

		if (regs[reg].offset >= end || regs[reg].offset + regs[reg].len <= offset)
			continue;
		memcpy(&value, image + regs[reg].offset, regs[reg].len);
		set(pci, (enum reg)reg, value);
	}
}
