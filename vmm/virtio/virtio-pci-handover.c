/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that another process serves: the doorbell writes an eventfd that it reads, and it writes
 * one that interrupts the guest (msix-tap.h). When it is gone, the queues come back to this
 * process.
 *
 * Both eventfds are then shared with a process that the guest may have taken over. It can make a
 * read or a write of them block, as O_NONBLOCK belongs to what both have open. So nobody here reads
 * or writes them, and queues that come back get new ones.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "vmm/virtio/virtio-pci-regs.h"

int virtio_pci_hand_over(struct virtio_pci *pci, struct virtio_pci_queue *queue)
{
	queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	queue->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->event_fd < 0 || queue->call_fd < 0)
		return -errno;
	queue->handed_over = true;
	msix_tap_init(&queue->tap, &pci->msix, queue->call_fd);
	return 0;
}

void virtio_pci_queue_events(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
			     int *ret_call_fd)
{
	struct virtio_pci *pci = dev->transport;

	*ret_kick_fd = pci->queues[queue].event_fd;
	*ret_call_fd = pci->queues[queue].call_fd;
}

void virtio_pci_place_taps(struct virtio_pci *pci)
{
	for (unsigned i = 0; i < pci->dev->ops->n_queues; i++)
		if (pci->queues[i].handed_over)
			msix_tap_place(&pci->queues[i].tap, pci->state.queue_vectors[i]);
}

static void close_events(struct virtio_pci_queue *queue)
{
	msix_tap_fini(&queue->tap);
	cleanup_fd(&queue->event_fd);
	cleanup_fd(&queue->call_fd);
	queue->event_fd = queue->call_fd = -1;
	queue->handed_over = false;
}

int virtio_pci_take_back(struct virtio_device *dev)
{
	struct virtio_pci *pci = dev->transport;
	int r = 0;

	for (unsigned i = 0; i < dev->ops->n_queues && r == 0; i++) {
		struct virtio_pci_queue *queue = &pci->queues[i];

		if (!queue->handed_over)
			continue;
		virtio_pci_remove_doorbell(pci, queue);
		close_events(queue);
		r = virtio_pci_watch_queue(pci, queue);
	}
	virtio_pci_place_doorbells(pci);
	return r;
}
