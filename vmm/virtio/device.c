/* SPDX-License-Identifier: Apache-2.0 */
/* What every virtio device says to its transport. */
#include "vmm/virtio/device.h"

#include "lib/fd.h"
#include "lib/log.h"

void virtio_device_signal(struct virtio_device *dev, uint16_t queue)
{
	if (virtq_should_signal(&dev->queues[queue]))
		dev->signal_queue(dev, queue);
}

void virtio_device_kick(struct virtio_device *dev, uint16_t queue)
{
	dev->kick_queue(dev, queue);
}

void virtio_device_config_changed(struct virtio_device *dev)
{
	dev->signal_config(dev);
}

static void stop(struct virtio_device *dev, const char *whose, const char *why)
{
	uint32_t suppressed = 0;

	dev->active = false;
	dev->needs_reset(dev);
	if (ratelimit_allow(&dev->complaints, clock_monotonic_ms(), &suppressed))
		log_warn("%s: %s: %s (%u more not logged)", dev->ops->name, whose, why, suppressed);
}

void virtio_device_broken(struct virtio_device *dev, const char *why)
{
	stop(dev, "the guest's driver broke the protocol", why);
}

void virtio_device_failed(struct virtio_device *dev, const char *why)
{
	stop(dev, "the device failed", why);
}

void virtio_device_queue_events(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
				int *ret_call_fd)
{
	dev->queue_events(dev, queue, ret_kick_fd, ret_call_fd);
}

int virtio_device_take_back(struct virtio_device *dev)
{
	return dev->take_back(dev);
}
