/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the virtio PCI transport: the function, and the registers of its common configuration
 * (virtio 1.2, 4.1.4.3). Included by the transport's own files only.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_REGS_H
#define KATA_LIKE_VMM_VIRTIO_VIRTIO_PCI_REGS_H

#include "vmm/pci/msix-tap.h"
#include "vmm/pci/msix.h"
#include "vmm/virtio/virtio-pci.h"

#define VIRTIO_PCI_COMMON_BYTES 56u
#define VIRTIO_PCI_NO_VECTOR	0xffffu

/* device_status (virtio 1.2, 2.1). */
#define VIRTIO_STATUS_ACKNOWLEDGE 1u
#define VIRTIO_STATUS_DRIVER	  2u
#define VIRTIO_STATUS_DRIVER_OK	  4u
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 64u
#define VIRTIO_STATUS_FAILED	  128u

#define VIRTIO_ISR_QUEUE  1u
#define VIRTIO_ISR_CONFIG 2u

struct virtio_pci_state {
	uint32_t device_feature_select, driver_feature_select;
	uint64_t
		driver_features; /* as written; what counts is dev->features, from FEATURES_OK on */
	uint16_t config_vector, queue_select;
	uint16_t queue_vectors[VIRTIO_QUEUES_MAX];
	uint8_t status, isr, config_generation;
};

struct virtio_pci_queue {
	struct virtio_pci *pci;
	int event_fd; /* written by the doorbell */
	struct loop_source *source;
	gpa_t doorbell; /* where the doorbell is, 0 for nowhere */
	/* While another process serves the queue: event_fd is for it to read, call_fd to write. */
	bool handed_over;
	int call_fd;
	struct msix_tap tap;
};

struct virtio_pci {
	struct pci_function fn;
	struct virtio_host host;
	struct virtio_device *dev;
	struct msix msix;
	struct virtio_pci_state
		state; /* with dev->queues[].state and msix.state all there is to save */
	struct virtio_pci_queue queues[VIRTIO_QUEUES_MAX];
	unsigned access_capability; /* the window into the BAR through configuration space */
	struct ratelimit complaints;
};

/* The state after power-on and after a reset. */
void virtio_pci_regs_init(struct virtio_pci *pci);

/* Accesses within the common configuration; any offset, len 1 to 8. Beyond the end: zeros, ignored.
 */
void virtio_pci_regs_read(struct virtio_pci *pci, uint64_t offset, void *dst, unsigned len);
void virtio_pci_regs_write(struct virtio_pci *pci, uint64_t offset, const void *src, unsigned len);

/* Resets device, queues and registers, as a driver's write of 0 to the status does. */
void virtio_pci_reset(struct virtio_pci *pci);

/* Brings the doorbells in line with where the BAR is and which queues are enabled. */
void virtio_pci_place_doorbells(struct virtio_pci *pci);

void virtio_pci_remove_doorbell(struct virtio_pci *pci, struct virtio_pci_queue *queue);

/* Gives the queue an eventfd for its doorbell, which the loop watches. 0 or -errno. */
int virtio_pci_watch_queue(struct virtio_pci *pci, struct virtio_pci_queue *queue) _must_check_;

/* virtio-pci-handover.c: gives the queue the two eventfds of a queue that is handed over. */
int virtio_pci_hand_over(struct virtio_pci *pci, struct virtio_pci_queue *queue) _must_check_;
/* Brings the interrupts of such queues in line with the vectors. */
void virtio_pci_place_taps(struct virtio_pci *pci);
/* As struct virtio_device has them. */
void virtio_pci_queue_events(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
			     int *ret_call_fd);
int virtio_pci_take_back(struct virtio_device *dev) _must_check_;

#endif
