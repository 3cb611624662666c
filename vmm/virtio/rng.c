/* SPDX-License-Identifier: Apache-2.0 */
/* virtio-rng on getrandom(2). */
#include "vmm/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_MAIN, getrandom));

#define VIRTIO_ID_RNG  4
#define CLASS_OTHER    0xff
#define SUBCLASS_OTHER 0x00

#define QUEUE_SIZE 16u

/*
 * A driver names the size of its request, up to 4 GiB; it gets at most this much of it, and the
 * used length says how much. One callback makes about as much in all, a fraction of a millisecond.
 */
#define CHAIN_BYTES_MAX 65536u
#define BUDGET_BYTES	65536u
#define BUDGET_CHAINS	QUEUE_SIZE

/* Fills the writable part, up to the limit. Returns how many bytes. */
static uint32_t fill(const struct virtq_chain *chain)
{
	uint32_t done = 0;

	for (unsigned i = 0; i < chain->n_in && done < CHAIN_BYTES_MAX; i++) {
		const struct iovec *buffer = &chain->iov[chain->n_out + i];
		size_t len = MIN(buffer->iov_len, (size_t)(CHAIN_BYTES_MAX - done));
		ssize_t n = getrandom(buffer->iov_base, len, 0);

		if (n > 0)
			done += (uint32_t)n;
		if (n != (ssize_t)len)
			break;
	}
	return done;
}

static void rng_notify(struct virtio_device *dev, uint16_t queue)
{
	struct virtq *vq = &dev->queues[queue];
	uint32_t total_bytes = 0;
	unsigned n = 0;
	int r = 0;

	(void)virtq_arm(vq, false);
	while (n < BUDGET_CHAINS && total_bytes < BUDGET_BYTES) {
		struct virtq_chain chain;
		uint32_t bytes;

		r = virtq_pop(vq, &chain);
		if (r == VIRTQ_E_EMPTY && virtq_arm(vq, true))
			r = 0;
		else if (r != 0)
			break;
		else {
			bytes = fill(&chain);
			total_bytes += bytes;
			r = virtq_push(vq, chain.head, bytes);
			if (r != 0)
				break;
		}
		n++;
	}
	virtio_device_signal(dev, queue);
	if (r == VIRTQ_E_BROKEN)
		virtio_device_broken(dev, vq->broken);
	else if (r == 0)
		virtio_device_kick(dev, queue);
}

static void rng_free(struct virtio_device *dev)
{
	free(dev);
}

static const uint16_t queue_sizes[] = { QUEUE_SIZE };

/* Each request is answered as it comes. */
static bool rng_at_rest(const struct virtio_device *dev)
{
	(void)dev;
	return true;
}

static const struct virtio_device_ops rng_ops = {
	.name = "rng",
	.virtio_id = VIRTIO_ID_RNG,
	.pci_class = CLASS_OTHER,
	.pci_subclass = SUBCLASS_OTHER,
	.n_queues = ARRAY_SIZE(queue_sizes),
	.queue_sizes = queue_sizes,
	.notify = rng_notify,
	.at_rest = rng_at_rest,
	.free = rng_free,
};

int rng_new(struct virtio_device **ret_dev, struct err *err)
{
	struct virtio_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return err_set(err, ENOMEM, "cannot make a random number device");
	dev->ops = &rng_ops;
	*ret_dev = dev;
	return 0;
}
