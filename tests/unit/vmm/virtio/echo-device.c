/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio device for tests of its transport. */
#include "tests/unit/vmm/virtio/echo-device.h"

#include <string.h>

#include "tests/unit/test.h"

static struct echo *echo_of(struct virtio_device *dev)
{
	return CONTAINER_OF(dev, struct echo, dev);
}

static int echo_attach(struct virtio_device *dev, struct err *err)
{
	struct echo *echo = echo_of(dev);

	assert_non_null(dev->loop);
	echo->n_attached++;
	return echo->attach_result < 0 ? err_set(err, -echo->attach_result, "no") : 0;
}

static void echo_activate(struct virtio_device *dev)
{
	assert_true(dev->active);
	echo_of(dev)->n_activated++;
}

static void echo_notify(struct virtio_device *dev, uint16_t queue)
{
	struct virtq_chain chain;

	echo_of(dev)->n_notified++;
	while (virtq_pop(&dev->queues[queue], &chain) == 0)
		assert_int_equal(virtq_push(&dev->queues[queue], chain.head, chain.in_bytes), 0);
	virtio_device_signal(dev, queue);
}

static void echo_reset(struct virtio_device *dev)
{
	assert_false(dev->active);
	echo_of(dev)->n_reset++;
}

static void echo_config_read(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len)
{
	assert_true(len > 0 && offset + len <= ECHO_CONFIG_BYTES);
	memcpy(dst, echo_of(dev)->config + offset, len);
}

static void echo_config_write(struct virtio_device *dev, uint32_t offset, const void *src,
			      uint32_t len)
{
	assert_true(len > 0 && offset + len <= ECHO_CONFIG_BYTES);
	memcpy(echo_of(dev)->config + offset, src, len);
}

static bool echo_at_rest(const struct virtio_device *dev)
{
	(void)dev;
	return true;
}

static void echo_free(struct virtio_device *dev)
{
	++*echo_of(dev)->n_freed;
}

const uint16_t echo_queue_sizes[ECHO_QUEUES] = { 16, 64 };

static const struct virtio_device_ops echo_ops = {
	.name = "echo",
	.virtio_id = ECHO_VIRTIO_ID,
	.pci_class = 0xff,
	.n_queues = ECHO_QUEUES,
	.queue_sizes = echo_queue_sizes,
	.config_bytes = ECHO_CONFIG_BYTES,
	.attach = echo_attach,
	.activate = echo_activate,
	.notify = echo_notify,
	.reset = echo_reset,
	.config_read = echo_config_read,
	.config_write = echo_config_write,
	.at_rest = echo_at_rest,
	.free = echo_free,
};

void echo_init(struct echo *echo, uint64_t features, unsigned *n_freed)
{
	*echo = (struct echo){
		.dev.ops = &echo_ops,
		.dev.features_offered = features,
		.n_freed = n_freed,
	};
}
