/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device as a PCI function (virtio 1.2, 4.1): one BAR with everything in it, a doorbell
 * for each queue, an interrupt vector for each queue and one for configuration changes.
 *
 * Doorbells: a queue's is registered while the queue is enabled and the BAR decoded, so that
 * functions no driver uses cost nothing. A notification then goes straight to the eventfd and the
 * I/O thread; the vCPU does not come here. Stores that no doorbell takes (another width) come here
 * and write the same eventfd.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "vmm/virtio/virtio-pci-regs.h"

#define VENDOR_VIRTIO	    0x1af4
#define DEVICE_VIRTIO_FIRST 0x1040
#define SUBSYSTEM_MODERN    0x0040
#define REVISION_MODERN	    1

/*
 * One BAR of one page. Each BAR costs the guest several configuration accesses at boot, each of
 * them an exit, and each page of it a mapping. Doorbells match exact addresses, so they need no
 * page of their own.
 */
#define BAR		 0u
#define BAR_BYTES	 4096u
#define COMMON_OFFSET	 0x000u
#define ISR_OFFSET	 0x040u
#define DEVICE_OFFSET	 0x100u
#define DEVICE_BYTES_MAX 0x300u
#define NOTIFY_OFFSET	 0x400u
#define NOTIFY_STRIDE	 4u
#define TABLE_OFFSET	 0x800u
#define PBA_OFFSET	 0xc00u

#define CAPABILITY_VENDOR 0x09u
#define CFG_COMMON	  1u
#define CFG_NOTIFY	  2u
#define CFG_ISR		  3u
#define CFG_DEVICE	  4u
#define CFG_ACCESS	  5u

/* virtio_pci_cap behind its id and next bytes, with what some types have at its end. */
struct capability {
	uint8_t len;
	uint8_t type;
	uint8_t bar;
	uint8_t padding[3];
	uint32_t offset;
	uint32_t length;
	uint32_t extra; /* the notify multiplier, or the data of the access window */
} __attribute__((packed));

#define CAPABILITY_BYTES 16u

_Static_assert(sizeof(struct capability) + 2 == CAPABILITY_BYTES + 4, "virtio 1.2, 4.1.4");
_Static_assert(COMMON_OFFSET + VIRTIO_PCI_COMMON_BYTES <= ISR_OFFSET,
	       "the BAR's parts are disjoint");
_Static_assert(NOTIFY_OFFSET + NOTIFY_STRIDE * VIRTIO_QUEUES_MAX <= TABLE_OFFSET, "likewise");
_Static_assert(TABLE_OFFSET + MSIX_ENTRY_BYTES * MSIX_VECTORS_MAX <= PBA_OFFSET, "likewise");
_Static_assert(VIRTIO_QUEUES_MAX + 1 <= MSIX_VECTORS_MAX, "a vector for each queue");

static struct virtio_pci *from_function(struct pci_function *fn)
{
	return CONTAINER_OF(fn, struct virtio_pci, fn);
}

static void write_event(int event_fd)
{
	uint64_t one = 1;

	/* Only a counter at its limit refuses, and then the event is pending anyway. */
	(void)!write(event_fd, &one, sizeof(one));
}

/* The BAR: which part an offset lies in, and how the parts are accessed. */

static void read_isr(struct virtio_pci *pci, uint64_t offset, void *dst, unsigned len)
{
	memset(dst, 0, len);
	if (offset != 0)
		return;
	*(uint8_t *)dst = pci->state.isr;
	pci->state.isr = 0;
}

static void read_config(struct virtio_pci *pci, uint64_t offset, void *dst, unsigned len)
{
	const struct virtio_device_ops *ops = pci->dev->ops;

	memset(dst, 0, len);
	if (offset < ops->config_bytes)
		ops->config_read(pci->dev, (uint32_t)offset, dst,
				 (uint32_t)MIN((uint64_t)len, ops->config_bytes - offset));
}

static void write_config(struct virtio_pci *pci, uint64_t offset, const void *src, unsigned len)
{
	const struct virtio_device_ops *ops = pci->dev->ops;

	if (ops->config_write && offset < ops->config_bytes)
		ops->config_write(pci->dev, (uint32_t)offset, src,
				  (uint32_t)MIN((uint64_t)len, ops->config_bytes - offset));
}

static void write_notify(struct virtio_pci *pci, uint64_t offset)
{
	uint64_t queue = offset / NOTIFY_STRIDE;

	/* Whoever serves a queue that is handed over learns of it by the doorbell only. */
	if (offset % NOTIFY_STRIDE == 0 && queue < pci->dev->ops->n_queues &&
	    !pci->queues[queue].handed_over)
		write_event(pci->queues[queue].event_fd);
}

static void bar_read(struct pci_function *fn, unsigned bar, uint64_t offset, void *dst,
		     unsigned len)
{
	struct virtio_pci *pci = from_function(fn);

	(void)bar;
	if (offset >= PBA_OFFSET)
		msix_pba_read(&pci->msix, offset - PBA_OFFSET, dst, len);
	else if (offset >= TABLE_OFFSET)
		msix_table_read(&pci->msix, offset - TABLE_OFFSET, dst, len);
	else if (offset >= NOTIFY_OFFSET)
		memset(dst, 0, len);
	else if (offset >= DEVICE_OFFSET)
		read_config(pci, offset - DEVICE_OFFSET, dst, len);
	else if (offset >= ISR_OFFSET)
		read_isr(pci, offset - ISR_OFFSET, dst, len);
	else
		virtio_pci_regs_read(pci, offset, dst, len);
}

static void bar_write(struct pci_function *fn, unsigned bar, uint64_t offset, const void *src,
		      unsigned len)
{
	struct virtio_pci *pci = from_function(fn);

	(void)bar;
	if (offset >= PBA_OFFSET)
		return;
	if (offset >= TABLE_OFFSET)
		msix_table_write(&pci->msix, offset - TABLE_OFFSET, src, len);
	else if (offset >= NOTIFY_OFFSET)
		write_notify(pci, offset - NOTIFY_OFFSET);
	else if (offset >= DEVICE_OFFSET)
		write_config(pci, offset - DEVICE_OFFSET, src, len);
	else if (offset < ISR_OFFSET)
		virtio_pci_regs_write(pci, offset, src, len);
	virtio_pci_place_taps(pci);
}

/*
 * The access window (virtio 1.2, 4.1.4.9): the BAR for drivers that cannot map memory. The driver
 * writes offset and length, then accesses the data.
 */
static bool window_is_touched(const struct virtio_pci *pci, unsigned offset, unsigned len,
			      struct capability *ret_window)
{
	unsigned data = pci->access_capability + CAPABILITY_BYTES;

	if (offset >= data + 4 || offset + len <= data)
		return false;
	memcpy(ret_window, pci->fn.config + pci->access_capability + 2, sizeof(*ret_window));
	if (ret_window->bar != BAR || ret_window->offset >= BAR_BYTES ||
	    ret_window->length > BAR_BYTES - ret_window->offset)
		return false;
	return ret_window->length == 1 || ret_window->length == 2 || ret_window->length == 4;
}

static void config_reading(struct pci_function *fn, unsigned offset, unsigned len)
{
	struct virtio_pci *pci = from_function(fn);
	struct capability window;

	if (window_is_touched(pci, offset, len, &window))
		bar_read(fn, BAR, window.offset,
			 fn->config + pci->access_capability + CAPABILITY_BYTES, window.length);
}

static void config_written(struct pci_function *fn, unsigned offset, unsigned len)
{
	struct virtio_pci *pci = from_function(fn);
	struct capability window;

	if (window_is_touched(pci, offset, len, &window))
		bar_write(fn, BAR, window.offset,
			  fn->config + pci->access_capability + CAPABILITY_BYTES, window.length);
	if (offset + len > pci->msix.capability)
		msix_config_written(&pci->msix);
	virtio_pci_place_taps(pci);
}

/* Doorbells. */

static void place_doorbell(struct virtio_pci *pci, struct virtio_pci_queue *queue, gpa_t gpa)
{
	struct interrupts *interrupts = pci->host.interrupts;
	int r;

	if (queue->doorbell == gpa)
		return;
	if (queue->doorbell)
		interrupts->ops->doorbell_remove(interrupts, queue->doorbell, queue->event_fd);
	queue->doorbell = 0;
	if (!gpa)
		return;
	r = interrupts->ops->doorbell_add(interrupts, gpa, queue->event_fd);
	if (r == 0)
		queue->doorbell = gpa;
	else if (ratelimit_allow(&pci->complaints, clock_monotonic_ms(), NULL))
		/* Two BARs at one address, say. The queue still works, by way of bar_write(). */
		log_warn("%s: no doorbell at %#llx: %s", pci->dev->ops->name,
			 (unsigned long long)gpa, strerror(-r));
}

void virtio_pci_place_doorbells(struct virtio_pci *pci)
{
	gpa_t bar = pci_function_bar(&pci->fn, BAR);

	for (unsigned i = 0; i < pci->dev->ops->n_queues; i++) {
		bool wanted = bar && pci->dev->queues[i].state.ready;

		place_doorbell(pci, &pci->queues[i],
			       wanted ? bar + NOTIFY_OFFSET + NOTIFY_STRIDE * i : 0);
	}
}

void virtio_pci_remove_doorbell(struct virtio_pci *pci, struct virtio_pci_queue *queue)
{
	place_doorbell(pci, queue, 0);
}

static void bar_moved(struct pci_function *fn, unsigned bar)
{
	(void)bar;
	virtio_pci_place_doorbells(from_function(fn));
}

/* On the I/O thread: a doorbell rang. */
static void queue_notified(void *ctx, int fd, uint32_t events)
{
	struct virtio_pci_queue *queue = ctx;
	struct virtio_pci *pci = queue->pci;
	struct virtio_device *dev = pci->dev;
	uint16_t index = (uint16_t)(queue - pci->queues);
	struct virtq *vq = &dev->queues[index];
	uint64_t rings;

	(void)events;
	/* Drained before the queue is looked at, so that what is added later rings again. */
	(void)!read(fd, &rings, sizeof(rings));
	pthread_mutex_lock(pci->host.lock);
	if (dev->active && vq->state.ready)
		dev->ops->notify(dev, index);
	if (dev->active && vq->broken)
		virtio_device_broken(dev, vq->broken);
	pthread_mutex_unlock(pci->host.lock);
}

/* What a device says to the driver. */

static void signal_queue(struct virtio_device *dev, uint16_t queue)
{
	struct virtio_pci *pci = dev->transport;

	/* The ISR is for drivers without MSI-X, which have no interrupt here but may look. */
	if (pci->msix.state.enabled)
		msix_fire(&pci->msix, pci->state.queue_vectors[queue]);
	else
		pci->state.isr |= VIRTIO_ISR_QUEUE;
}

static void signal_config(struct virtio_device *dev)
{
	struct virtio_pci *pci = dev->transport;

	pci->state.config_generation++;
	pci->state.isr |= VIRTIO_ISR_CONFIG;
	msix_fire(&pci->msix, pci->state.config_vector);
}

static void needs_reset(struct virtio_device *dev)
{
	struct virtio_pci *pci = dev->transport;

	pci->state.status |= VIRTIO_STATUS_NEEDS_RESET;
	if (pci->state.status & VIRTIO_STATUS_DRIVER_OK)
		signal_config(dev);
}

static void kick_queue(struct virtio_device *dev, uint16_t queue)
{
	struct virtio_pci *pci = dev->transport;

	write_event(pci->queues[queue].event_fd);
}

/* Making and freeing. */

/* Takes everything back that was set up so far, but does not free pci itself. */
static void release(struct virtio_pci *pci)
{
	for (unsigned i = 0; i < pci->dev->ops->n_queues; i++) {
		struct virtio_pci_queue *queue = &pci->queues[i];

		place_doorbell(pci, queue, 0);
		msix_tap_fini(&queue->tap);
		loop_source_free(queue->source);
		cleanup_fd(&queue->event_fd);
		cleanup_fd(&queue->call_fd);
	}
	msix_fini(&pci->msix);
	pci->dev->ops->free(pci->dev);
}

static void virtio_pci_free(struct pci_function *fn)
{
	struct virtio_pci *pci = from_function(fn);

	virtio_pci_reset(pci);
	release(pci);
	free(pci);
}

static const struct pci_function_ops virtio_pci_function_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_reading = config_reading,
	.config_written = config_written,
	.bar_moved = bar_moved,
	.free = virtio_pci_free,
};

static unsigned add_capability(struct virtio_pci *pci, uint8_t type, uint32_t offset,
			       uint32_t length, bool has_extra, uint32_t extra)
{
	struct capability body = {
		.len = (uint8_t)(CAPABILITY_BYTES + (has_extra ? sizeof(extra) : 0)),
		.type = type,
		.bar = BAR,
		.offset = offset,
		.length = length,
		.extra = extra,
	};

	return pci_function_add_capability(&pci->fn, CAPABILITY_VENDOR, &body, body.len - 2u);
}

/* In the order in which a driver looks for them: each search starts at the first. */
static void add_capabilities(struct virtio_pci *pci)
{
	const struct virtio_device_ops *ops = pci->dev->ops;
	unsigned access;

	add_capability(pci, CFG_COMMON, COMMON_OFFSET, VIRTIO_PCI_COMMON_BYTES, false, 0);
	add_capability(pci, CFG_ISR, ISR_OFFSET, 1, false, 0);
	add_capability(pci, CFG_NOTIFY, NOTIFY_OFFSET, NOTIFY_STRIDE * ops->n_queues, true,
		       NOTIFY_STRIDE);
	if (ops->config_bytes)
		add_capability(pci, CFG_DEVICE, DEVICE_OFFSET, (uint32_t)ops->config_bytes, false,
			       0);
	access = add_capability(pci, CFG_ACCESS, 0, 0, true, 0);
	pci_function_make_writable(&pci->fn, access + 4, 0xff, 1);	  /* bar */
	pci_function_make_writable(&pci->fn, access + 8, 0xffffffff, 4);  /* offset */
	pci_function_make_writable(&pci->fn, access + 12, 0xffffffff, 4); /* length */
	pci_function_make_writable(&pci->fn, access + 16, 0xffffffff, 4); /* data */
	pci->access_capability = access;
}

static void bind_device(struct virtio_pci *pci, struct virtio_device *dev)
{
	pci->dev = dev;
	dev->features_offered |= VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
	dev->mem = pci->host.mem;
	dev->loop = pci->host.loop;
	dev->lock = pci->host.lock;
	dev->complaints = RATELIMIT_INIT(1, 1000);
	dev->transport = pci;
	dev->signal_queue = signal_queue;
	dev->signal_config = signal_config;
	dev->needs_reset = needs_reset;
	dev->kick_queue = kick_queue;
	dev->queue_events = virtio_pci_queue_events;
	dev->take_back = virtio_pci_take_back;
	for (unsigned i = 0; i < dev->ops->n_queues; i++) {
		virtq_init(&dev->queues[i], dev->mem);
		pci->queues[i].pci = pci;
		pci->queues[i].event_fd = pci->queues[i].call_fd = -1;
	}
}

int virtio_pci_watch_queue(struct virtio_pci *pci, struct virtio_pci_queue *queue)
{
	queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->event_fd < 0)
		return -errno;
	return loop_add_fd(pci->host.loop, queue->event_fd, EPOLLIN, queue_notified, queue,
			   &queue->source);
}

static int set_up(struct virtio_pci *pci, struct err *err)
{
	struct virtio_device *dev = pci->dev;
	const struct virtio_device_ops *ops = dev->ops;
	unsigned n_vectors = ops->n_queues + 1u;
	int r;

	assert(ops->n_queues <= VIRTIO_QUEUES_MAX && ops->config_bytes <= DEVICE_BYTES_MAX);
	pci_function_init(&pci->fn, &virtio_pci_function_ops, VENDOR_VIRTIO,
			  (uint16_t)(DEVICE_VIRTIO_FIRST + ops->virtio_id), SUBSYSTEM_MODERN,
			  ops->pci_class, ops->pci_subclass, REVISION_MODERN);
	pci_function_add_bar(&pci->fn, BAR, BAR_BYTES);
	add_capabilities(pci);
	r = msix_init(&pci->msix, &pci->fn, pci->host.interrupts, n_vectors, BAR, TABLE_OFFSET,
		      PBA_OFFSET, err);
	if (r < 0)
		return r;
	virtio_pci_regs_init(pci);
	for (unsigned i = 0; i < ops->n_queues; i++) {
		r = i < ops->n_handed_over ? virtio_pci_hand_over(pci, &pci->queues[i])
					   : virtio_pci_watch_queue(pci, &pci->queues[i]);
		if (r < 0)
			return err_set(err, -r, "cannot watch queue %u", i);
	}
	if (ops->attach) {
		r = ops->attach(dev, err);
		if (r < 0)
			return r;
	}
	return pci_bus_add(pci->host.bus, &pci->fn, err);
}

struct virtio_device *virtio_pci_device(const struct pci_function *fn)
{
	return fn->ops == &virtio_pci_function_ops
		       ? CONTAINER_OF(fn, const struct virtio_pci, fn)->dev
		       : NULL;
}

bool virtio_pci_is_driven(const struct pci_function *fn)
{
	return CONTAINER_OF(fn, const struct virtio_pci, fn)->state.status & VIRTIO_STATUS_DRIVER;
}

int virtio_pci_add(const struct virtio_host *host, struct virtio_device *dev,
		   struct pci_function **ret_function, struct err *err)
{
	struct virtio_pci *pci = calloc(1, sizeof(*pci));

	if (!pci) {
		dev->ops->free(dev);
		return err_set(err, ENOMEM, "cannot add a virtio device");
	}
	pci->host = *host;
	pci->complaints = RATELIMIT_INIT(1, 1000);
	bind_device(pci, dev);
	if (set_up(pci, err) < 0) {
		const char *name = dev->ops->name;

		release(pci);
		free(pci);
		return err_push(err, "cannot add a virtio %s device", name);
	}
	if (ret_function)
		*ret_function = &pci->fn;
	return 0;
}
