/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio driver for tests. */
#include "tests/unit/vmm/virtio/fake-driver.h"

#include <string.h>
#include <sys/eventfd.h>

#include "lib/fd.h"
#include "tests/unit/test.h"

void fake_mem_init(struct guestmem *mem)
{
	struct err err = ERR_INIT;

	if (guestmem_init(mem, 2 * FAKE_HOLE_START, FAKE_HOLE_START, FAKE_HOLE_END, &err) < 0)
		fail_msg("%s", err_text(&err));
}

static void write_mem(struct guestmem *mem, gpa_t gpa, const void *src, uint64_t len_bytes)
{
	assert_true(guestmem_write(mem, gpa, src, len_bytes));
}

static void write16(const struct fake_ring *ring, gpa_t gpa, uint16_t value)
{
	write_mem(ring->mem, gpa, &value, sizeof(value));
}

static uint16_t read16(const struct fake_ring *ring, gpa_t gpa)
{
	uint16_t value;

	assert_true(guestmem_read(ring->mem, gpa, &value, sizeof(value)));
	return value;
}

static gpa_t align16(gpa_t gpa)
{
	return (gpa + 15) & ~(gpa_t)15;
}

gpa_t fake_ring_init(struct fake_ring *ring, struct guestmem *mem, uint16_t size, gpa_t gpa)
{
	gpa_t end;
	void *host;

	*ring = (struct fake_ring){ .mem = mem, .size = size };
	ring->desc = gpa;
	ring->avail = ring->desc + 16u * size;
	ring->used = align16(ring->avail + 6u + 2u * size);
	end = align16(ring->used + 6u + 8u * size);
	host = guestmem_at(mem, gpa, end - gpa);
	assert_non_null(host);
	memset(host, 0, end - gpa);
	return end;
}

void fake_ring_enable(const struct fake_ring *ring, struct virtq *vq, bool event_idx)
{
	vq->state.size = ring->size;
	vq->state.desc = ring->desc;
	vq->state.avail = ring->avail;
	vq->state.used = ring->used;
	vq->state.event_idx = event_idx;
	assert_int_equal(virtq_enable(vq), 0);
}

static void write_desc(struct guestmem *mem, gpa_t at, gpa_t addr, uint32_t len, uint16_t flags,
		       uint16_t next)
{
	write_mem(mem, at, &addr, sizeof(addr));
	write_mem(mem, at + 8, &len, sizeof(len));
	write_mem(mem, at + 12, &flags, sizeof(flags));
	write_mem(mem, at + 14, &next, sizeof(next));
}

void fake_ring_set_desc(struct fake_ring *ring, uint16_t index, gpa_t addr, uint32_t len,
			uint16_t flags, uint16_t next)
{
	write_desc(ring->mem, ring->desc + 16u * index, addr, len, flags, next);
}

void fake_ring_set_avail_idx(struct fake_ring *ring, uint16_t idx)
{
	ring->avail_idx = idx;
	write16(ring, ring->avail + 2, idx);
}

void fake_ring_publish(struct fake_ring *ring, uint16_t head)
{
	write16(ring, ring->avail + 4 + 2u * (ring->avail_idx % ring->size), head);
	fake_ring_set_avail_idx(ring, (uint16_t)(ring->avail_idx + 1));
}

static uint16_t buffer_flags(const struct fake_buffer *buffer, bool last)
{
	return (uint16_t)((buffer->writable ? FAKE_DESC_F_WRITE : 0) |
			  (last ? 0 : FAKE_DESC_F_NEXT));
}

uint16_t fake_ring_add(struct fake_ring *ring, const struct fake_buffer *buffers, unsigned n)
{
	uint16_t head = ring->next_desc;

	for (unsigned i = 0; i < n; i++) {
		uint16_t index = ring->next_desc;

		ring->next_desc = (uint16_t)((index + 1) % ring->size);
		fake_ring_set_desc(ring, index, buffers[i].gpa, buffers[i].len,
				   buffer_flags(&buffers[i], i + 1 == n), ring->next_desc);
	}
	fake_ring_publish(ring, head);
	return head;
}

uint16_t fake_ring_add_indirect(struct fake_ring *ring, gpa_t table_gpa,
				const struct fake_buffer *buffers, unsigned n)
{
	uint16_t head = ring->next_desc;

	for (unsigned i = 0; i < n; i++)
		write_desc(ring->mem, table_gpa + 16u * i, buffers[i].gpa, buffers[i].len,
			   buffer_flags(&buffers[i], i + 1 == n), (uint16_t)(i + 1));
	ring->next_desc = (uint16_t)((head + 1) % ring->size);
	fake_ring_set_desc(ring, head, table_gpa, 16u * n, FAKE_DESC_F_INDIRECT, 0);
	fake_ring_publish(ring, head);
	return head;
}

bool fake_ring_take_used(struct fake_ring *ring, uint32_t *ret_head, uint32_t *ret_len)
{
	uint32_t entry[2];

	if (read16(ring, ring->used + 2) == ring->used_seen)
		return false;
	assert_true(guestmem_read(ring->mem, ring->used + 4 + 8u * (ring->used_seen % ring->size),
				  entry, sizeof(entry)));
	ring->used_seen++;
	if (ret_head)
		*ret_head = entry[0];
	if (ret_len)
		*ret_len = entry[1];
	return true;
}

uint16_t fake_ring_avail_event(const struct fake_ring *ring)
{
	return read16(ring, ring->used + 4 + 8u * ring->size);
}

uint16_t fake_ring_used_flags(const struct fake_ring *ring)
{
	return read16(ring, ring->used);
}

void fake_ring_set_used_event(struct fake_ring *ring, uint16_t event)
{
	write16(ring, ring->avail + 4 + 2u * ring->size, event);
}

void fake_ring_set_avail_flags(struct fake_ring *ring, uint16_t flags)
{
	write16(ring, ring->avail, flags);
}

static struct fake_driver *driver_of(struct virtio_device *dev)
{
	return dev->transport;
}

static void count_signal(struct virtio_device *dev, uint16_t queue)
{
	driver_of(dev)->signals[queue]++;
}

static void count_config_change(struct virtio_device *dev)
{
	driver_of(dev)->config_changes++;
}

static void count_needs_reset(struct virtio_device *dev)
{
	driver_of(dev)->resets_wanted++;
}

static void note_kick(struct virtio_device *dev, uint16_t queue)
{
	driver_of(dev)->kicks[queue]++;
}

static void give_events(struct virtio_device *dev, uint16_t queue, int *ret_kick_fd,
			int *ret_call_fd)
{
	*ret_kick_fd = driver_of(dev)->kick_fds[queue];
	*ret_call_fd = driver_of(dev)->call_fds[queue];
}

static void make_events(struct fake_driver *driver)
{
	for (uint16_t i = 0; i < driver->dev->ops->n_handed_over; i++) {
		driver->kick_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		driver->call_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_true(driver->kick_fds[i] > 0 && driver->call_fds[i] > 0);
	}
}

static void close_events(const struct fake_driver *driver)
{
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		if (driver->kick_fds[i] > 0)
			close(driver->kick_fds[i]);
		if (driver->call_fds[i] > 0)
			close(driver->call_fds[i]);
	}
}

void fake_driver_init(struct fake_driver *driver)
{
	struct err err = ERR_INIT;

	*driver = (struct fake_driver){ .alloc_next = 0x1000 };
	assert_int_equal(pthread_mutex_init(&driver->lock, NULL), 0);
	fake_mem_init(&driver->mem);
	assert_int_equal(loop_new(&driver->loop, &err), 0);
}

void fake_driver_restart(struct fake_driver *driver, uint64_t features)
{
	struct virtio_device *dev = driver->dev;

	pthread_mutex_lock(&driver->lock);
	dev->features = features;
	for (uint16_t i = 0; i < dev->ops->n_queues; i++) {
		driver->alloc_next = fake_ring_init(&driver->rings[i], &driver->mem,
						    dev->ops->queue_sizes[i], driver->alloc_next);
		fake_ring_enable(&driver->rings[i], &dev->queues[i], features & VIRTIO_F_EVENT_IDX);
	}
	dev->active = true;
	if (dev->ops->activate)
		dev->ops->activate(dev);
	pthread_mutex_unlock(&driver->lock);
}

void fake_driver_attach(struct fake_driver *driver, struct virtio_device *dev, uint64_t features)
{
	struct err err = ERR_INIT;

	driver->dev = dev;
	dev->mem = &driver->mem;
	dev->loop = driver->loop;
	dev->lock = &driver->lock;
	dev->complaints = RATELIMIT_INIT(1, 1000);
	dev->transport = driver;
	dev->signal_queue = count_signal;
	dev->signal_config = count_config_change;
	dev->needs_reset = count_needs_reset;
	dev->kick_queue = note_kick;
	dev->queue_events = give_events;
	make_events(driver);
	for (uint16_t i = 0; i < dev->ops->n_queues; i++)
		virtq_init(&dev->queues[i], &driver->mem);
	if (dev->ops->attach && dev->ops->attach(dev, &err) < 0)
		fail_msg("%s", err_text(&err));
	fake_driver_restart(driver, features);
}

void fake_driver_reset(struct fake_driver *driver)
{
	struct virtio_device *dev = driver->dev;

	pthread_mutex_lock(&driver->lock);
	dev->active = false;
	if (dev->ops->reset)
		dev->ops->reset(dev);
	for (uint16_t i = 0; i < dev->ops->n_queues; i++)
		virtq_reset(&dev->queues[i]);
	dev->features = 0;
	memset(driver->kicks, 0, sizeof(driver->kicks));
	pthread_mutex_unlock(&driver->lock);
}

void fake_driver_fini(struct fake_driver *driver)
{
	if (driver->dev) {
		fake_driver_reset(driver);
		driver->dev->ops->free(driver->dev);
	}
	close_events(driver);
	loop_free(driver->loop);
	guestmem_fini(&driver->mem);
	pthread_mutex_destroy(&driver->lock);
}

gpa_t fake_driver_alloc(struct fake_driver *driver, uint32_t len_bytes)
{
	gpa_t gpa = driver->alloc_next;

	memset(fake_driver_at(driver, gpa, len_bytes), 0, len_bytes);
	driver->alloc_next = align16(gpa + len_bytes);
	return gpa;
}

void *fake_driver_at(struct fake_driver *driver, gpa_t gpa, uint64_t len_bytes)
{
	void *host = guestmem_at(&driver->mem, gpa, len_bytes);

	if (!host)
		fail_msg("no guest memory at %#llx", (unsigned long long)gpa);
	return host;
}

uint16_t fake_driver_add(struct fake_driver *driver, uint16_t queue,
			 const struct fake_buffer *buffers, unsigned n)
{
	return fake_ring_add(&driver->rings[queue], buffers, n);
}

void fake_driver_kick(struct fake_driver *driver, uint16_t queue)
{
	if (driver->kick_fds[queue] > 0) {
		assert_int_equal(eventfd_write(driver->kick_fds[queue], 1), 0);
		return;
	}
	pthread_mutex_lock(&driver->lock);
	if (driver->dev->active && driver->dev->queues[queue].state.ready)
		driver->dev->ops->notify(driver->dev, queue);
	pthread_mutex_unlock(&driver->lock);
}

void fake_driver_step(struct fake_driver *driver, int timeout_ms)
{
	unsigned kicks[VIRTIO_QUEUES_MAX];
	bool any = false;

	memcpy(kicks, driver->kicks, sizeof(kicks));
	memset(driver->kicks, 0, sizeof(driver->kicks));
	for (uint16_t i = 0; i < VIRTIO_QUEUES_MAX; i++)
		any = any || kicks[i];
	assert_int_equal(loop_step(driver->loop, any ? 0 : timeout_ms), 0);
	for (uint16_t i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (kicks[i])
			fake_driver_kick(driver, i);
}

bool fake_driver_wait_used(struct fake_driver *driver, uint16_t queue, int timeout_ms,
			   uint32_t *ret_head, uint32_t *ret_len)
{
	int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;

	while (!fake_ring_take_used(&driver->rings[queue], ret_head, ret_len)) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0)
			return false;
		/* Another thread may be at it, which no event tells about. */
		fake_driver_step(driver, driver->kick_fds[queue] > 0 ? 1 : (int)left_ms);
	}
	return true;
}
