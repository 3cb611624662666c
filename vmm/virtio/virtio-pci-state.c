/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio PCI function as plain data. */
#include "vmm/virtio/virtio-pci-state.h"

#include <errno.h>
#include <string.h>

/* Nothing was taken from the queue that is still to be given back. */
static bool is_empty(const struct virtq *vq)
{
	for (size_t i = 0; i < sizeof(vq->in_flight); i++)
		if (vq->in_flight[i])
			return false;
	return true;
}

int virtio_pci_save(const struct pci_function *fn, struct virtio_pci_saved *ret_saved,
		    struct err *err)
{
	const struct virtio_pci *pci = CONTAINER_OF(fn, const struct virtio_pci, fn);
	struct virtio_device *dev = pci->dev;
	bool at_rest = dev->ops->at_rest && dev->ops->at_rest(dev);

	if (!dev->ops->at_rest)
		return err_say(err, ENOTSUP, "a %s device cannot be saved", dev->ops->name);
	*ret_saved = (struct virtio_pci_saved){ .regs = pci->state,
						.msix = pci->msix.state,
						.features = dev->features,
						.active = dev->active };
	memcpy(ret_saved->config, fn->config, sizeof(ret_saved->config));
	for (unsigned i = 0; i < dev->ops->n_queues; i++) {
		ret_saved->queues[i] = dev->queues[i].state;
		at_rest = at_rest && is_empty(&dev->queues[i]) && !dev->queues[i].broken;
	}
	return at_rest ? 0 : err_say(err, EBUSY, "the %s device is busy", dev->ops->name);
}

static int load_queue(struct virtio_pci *pci, unsigned i, const struct virtq_state *saved,
		      struct err *err)
{
	struct virtq *vq = &pci->dev->queues[i];

	vq->state = *saved;
	vq->state.ready = false;
	if (!saved->ready)
		return 0;
	if (saved->size > pci->dev->ops->queue_sizes[i] || virtq_enable(vq) != 0)
		return err_say(err, EINVAL, "queue %u of the %s device: %s", i, pci->dev->ops->name,
			       vq->broken ? vq->broken : "larger than the device has it");
	return 0;
}

int virtio_pci_load(struct pci_function *fn, const struct virtio_pci_saved *saved, struct err *err)
{
	struct virtio_pci *pci = CONTAINER_OF(fn, struct virtio_pci, fn);
	struct virtio_device *dev = pci->dev;
	int r = 0;

	if (saved->features & ~dev->features_offered)
		return err_say(err, EINVAL, "features that the %s device does not have",
			       dev->ops->name);
	pci->state = saved->regs;
	pci->msix.state = saved->msix;
	dev->features = saved->features;
	for (unsigned i = 0; i < dev->ops->n_queues && r == 0; i++)
		r = load_queue(pci, i, &saved->queues[i], err);
	if (r < 0)
		return r;
	/* The guest's own bits; routes the vectors and places the doorbells. */
	pci_function_config_write(fn, 0, saved->config, sizeof(saved->config));
	virtio_pci_place_doorbells(pci);
	dev->active = saved->active;
	if (dev->active && dev->ops->activate)
		dev->ops->activate(dev);
	/* What the guest rang for and nobody has heard yet. */
	for (uint16_t i = 0; i < dev->ops->n_queues && dev->active; i++)
		virtio_device_kick(dev, i);
	return 0;
}
