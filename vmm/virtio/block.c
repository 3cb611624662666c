/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-blk: takes chains from the queue, parses each into a request (block-request.h), has it
 *done on io_uring (block-io.h), and answers.
 *
 *	queue --pop, parse--> request --start--> job ... done --> status byte, used ring --> signal
 *
 * While all jobs are taken chains stay in the queue, and each completion looks there again: what a
 *guest can have us hold is bounded by the jobs. One callback starts a limited amount, so that a
 *guest that submits without end leaves the I/O thread to its other devices too.
 */
#include "vmm/virtio/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/syscalls.h"
#include "vmm/virtio/block-io.h"

/* What a disk that comes later is. */
SYSCALLS(SYSCALL(SYSCALLS_MAIN, newfstatat), SYSCALL(SYSCALLS_MAIN, fstat),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, BLKGETSIZE64),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, BLKSSZGET));

#define VIRTIO_ID_BLOCK 2
#define CLASS_STORAGE	0x01
#define SUBCLASS_OTHER	0x80

#define F_SEG_MAX      (1ull << 2)
#define F_RO	       (1ull << 5)
#define F_BLK_SIZE     (1ull << 6)
#define F_FLUSH	       (1ull << 9)
#define F_DISCARD      (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

#define QUEUE_SIZE 128u
/* A chain may not be longer than the queue (virtio 1.2, 2.7.5.3.1); two buffers are header and
 * status. */
#define SEGMENTS_MAX (QUEUE_SIZE - 2u)

/* Of one discard or write-zeroes: 1 GiB, which no file system takes long for. */
#define ERASE_SECTORS_MAX (1u << 21)
#define ERASE_ALIGNMENT	  8u /* sectors: a page, the unit in which files have holes */

/* What one callback starts before others get their turn. */
#define BUDGET_JOBS  BLOCK_JOBS_MAX
#define BUDGET_BYTES (4u << 20)

struct block_device_config {
	uint64_t capacity_sectors;
	uint32_t size_max, seg_max;
	uint32_t geometry;
	uint32_t blk_size;
	uint8_t topology[8];
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
} __attribute__((packed));

_Static_assert(sizeof(struct block_device_config) == 60, "virtio 1.2, 5.2.4");

struct block {
	struct virtio_device dev;
	struct block_device_config config;
	struct block_limits limits; /* n_sectors and read_only are fixed, the rest is negotiated */
	char id[BLOCK_ID_BYTES];
	struct block_io io;
	struct loop_source *source; /* of io.event_fd */
};

static struct block *from_device(struct virtio_device *dev)
{
	return CONTAINER_OF(dev, struct block, dev);
}

/* Answers a request. A queue that broke meanwhile takes no answers any more. */
static void answer(struct block *block, const struct block_request *request,
		   enum block_status status, uint32_t data_bytes)
{
	*request->status_byte = (uint8_t)status;
	(void)!virtq_push(&block->dev.queues[0], request->head,
			  block_request_used_bytes(request, data_bytes));
}

static void request_done(void *ctx, const struct block_request *request, enum block_status status,
			 uint32_t data_bytes, int error)
{
	struct block *block = ctx;

	if (status == BLOCK_IO_ERROR &&
	    ratelimit_allow(&block->dev.complaints, clock_monotonic_ms(), NULL))
		log_warn("block: a request for byte %llu of the disk failed: %s",
			 (unsigned long long)request->offset_bytes, strerror(-error));
	answer(block, request, status, data_bytes);
}

static void answer_id(struct block *block, const struct block_request *request)
{
	const char *from = block->id;

	for (unsigned i = 0; i < request->n_iov; i++) {
		memcpy(request->iov[i].iov_base, from, request->iov[i].iov_len);
		from += request->iov[i].iov_len;
	}
	answer(block, request, BLOCK_OK, BLOCK_ID_BYTES);
}

/*
 * Takes one chain from the queue into job, which it always disposes of. 0, VIRTQ_E_EMPTY, or
 * VIRTQ_E_BROKEN when the device had to be stopped. Adds to *bytes what the request will move.
 */
static int take_one(struct block *block, struct block_job *job, uint64_t *bytes)
{
	struct virtq *vq = &block->dev.queues[0];
	struct block_request *request = &job->request;
	struct virtq_chain chain;
	int r = virtq_pop(vq, &chain);

	if (r == VIRTQ_E_BROKEN)
		virtio_device_broken(&block->dev, vq->broken);
	if (r == 0 && block_request_parse(&chain, &block->limits, request) != 0) {
		virtio_device_broken(&block->dev, "a block request without header or status byte");
		r = VIRTQ_E_BROKEN;
	}
	if (r == 0 && request->status == BLOCK_OK && request->op != BLOCK_OP_GET_ID) {
		*bytes += request->n_iov ? request->len_bytes : 0;
		block_io_start(&block->io, job);
		return 0;
	}
	if (r == 0 && request->status == BLOCK_OK)
		answer_id(block, request);
	else if (r == 0)
		answer(block, request, request->status, 0);
	block_io_put_job(&block->io, job);
	return r;
}

/*
 * Takes chains until the queue is empty (VIRTQ_E_EMPTY; notifications are on then), the driver
 * broke the protocol (VIRTQ_E_BROKEN), or jobs or budget are used up (0).
 */
static int take_available(struct block *block)
{
	struct virtq *vq = &block->dev.queues[0];
	uint64_t bytes = 0;

	(void)virtq_arm(vq, false);
	for (unsigned n = 0; n < BUDGET_JOBS && bytes < BUDGET_BYTES; n++) {
		struct block_job *job = block_io_take_job(&block->io);
		int r;

		if (!job)
			return 0;
		r = take_one(block, job, &bytes);
		if (r == VIRTQ_E_EMPTY && virtq_arm(vq, true))
			continue;
		if (r != 0)
			return r;
	}
	return 0;
}

/* Ends what completed and starts what is there. */
static void serve(struct block *block)
{
	int taken = VIRTQ_E_BROKEN;
	int r;

	block_io_reap(&block->io);
	if (block->dev.active)
		taken = take_available(block);
	r = block_io_submit(&block->io);
	/* What the page cache had is complete already; what it had half of is submitted again. */
	block_io_reap(&block->io);
	if (r == 0)
		r = block_io_submit(&block->io);
	virtio_device_signal(&block->dev, 0);
	/* With a job left nothing but this brings us back to the queue; nor does anything to the
	 * ring. */
	if (r < 0 || (taken == 0 && block->io.n_free > 0))
		virtio_device_kick(&block->dev, 0);
}

static void block_notify(struct virtio_device *dev, uint16_t queue)
{
	(void)queue;
	serve(from_device(dev));
}

/* On the I/O thread. */
static void completions_came(void *ctx, int fd, uint32_t events)
{
	struct block *block = ctx;
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count));
	pthread_mutex_lock(block->dev.lock);
	serve(block);
	pthread_mutex_unlock(block->dev.lock);
}

static int block_attach(struct virtio_device *dev, struct err *err)
{
	struct block *block = from_device(dev);
	int r = loop_add_fd(dev->loop, block->io.ring->event_fd, EPOLLIN, completions_came, block,
			    &block->source);

	return r < 0 ? err_set(err, -r, "cannot watch for completions") : 0;
}

static void block_activate(struct virtio_device *dev)
{
	struct block *block = from_device(dev);

	block->limits.can_discard = dev->features & F_DISCARD;
	block->limits.can_write_zeroes = dev->features & F_WRITE_ZEROES;
	block->io.write_through = !(dev->features & F_FLUSH);
}

/* Waits: what is in flight uses guest memory that the driver may give another purpose after the
 * reset. */
static void block_reset(struct virtio_device *dev)
{
	block_io_drain(&from_device(dev)->io);
}

static void block_config_read(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len)
{
	memcpy(dst, (const uint8_t *)&from_device(dev)->config + offset, len);
}

static void block_free(struct virtio_device *dev)
{
	struct block *block = from_device(dev);

	loop_source_free(block->source);
	block_io_fini(&block->io);
	free(block);
}

static const uint16_t queue_sizes[] = { QUEUE_SIZE };

static const struct virtio_device_ops block_ops = {
	.name = "block",
	.virtio_id = VIRTIO_ID_BLOCK,
	.pci_class = CLASS_STORAGE,
	.pci_subclass = SUBCLASS_OTHER,
	.n_queues = ARRAY_SIZE(queue_sizes),
	.queue_sizes = queue_sizes,
	.config_bytes = sizeof(struct block_device_config),
	.attach = block_attach,
	.activate = block_activate,
	.notify = block_notify,
	.reset = block_reset,
	.config_read = block_config_read,
	.free = block_free,
};

/* Size and logical block size of what fd is open on, which is made to wait. */
static int measure(int fd, bool read_only, uint64_t *ret_size, uint32_t *ret_block, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);
	int block_bytes = BLOCK_SECTOR_BYTES;
	struct stat st;

	if (flags < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot examine the disk's descriptor");
	if ((flags & O_ACCMODE) == O_WRONLY || (!read_only && (flags & O_ACCMODE) == O_RDONLY))
		return err_say(err, EINVAL, "the disk's descriptor is not open for reading%s",
			       read_only ? "" : " and writing");
	if (S_ISREG(st.st_mode))
		*ret_size = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return err_say(err, EINVAL, "a disk is a regular file or a block device");
	else if (ioctl(fd, BLKGETSIZE64, ret_size) < 0 || ioctl(fd, BLKSSZGET, &block_bytes) < 0)
		return err_set(err, errno, "cannot ask the block device for its size");
	if (*ret_size == 0)
		return err_say(err, EINVAL, "the disk is empty");
	*ret_block = (uint32_t)block_bytes;
	/*
	 * Who opened it may have been careful not to wait. For such a descriptor io_uring does not
	 * do what a device cannot do at once, and most of device-mapper's never can.
	 */
	if (S_ISBLK(st.st_mode) && fd_set_nonblock(fd, 0) < 0)
		return err_set(err, errno, "cannot set up the disk's descriptor");
	return 0;
}

static void describe(struct block *block, uint64_t size_bytes, uint32_t block_bytes)
{
	struct block_device_config *config = &block->config;

	block->limits.n_sectors =
		size_bytes / BLOCK_SECTOR_BYTES + (size_bytes % BLOCK_SECTOR_BYTES != 0);
	block->limits.max_erase_sectors = ERASE_SECTORS_MAX;
	config->capacity_sectors = block->limits.n_sectors;
	config->seg_max = SEGMENTS_MAX;
	config->blk_size = block_bytes;
	config->num_queues = 1;
	block->dev.features_offered = F_SEG_MAX | F_BLK_SIZE;
	if (block->limits.read_only) {
		block->dev.features_offered |= F_RO;
		return;
	}
	config->max_discard_sectors = config->max_write_zeroes_sectors = ERASE_SECTORS_MAX;
	config->max_discard_seg = config->max_write_zeroes_seg = 1;
	config->discard_sector_alignment = ERASE_ALIGNMENT;
	config->write_zeroes_may_unmap = 1;
	block->dev.features_offered |= F_FLUSH | F_DISCARD | F_WRITE_ZEROES;
}

int block_new(const struct block_config *config, struct virtio_device **ret_dev, struct err *err)
{
	_cleanup_fd_ int fd = config->fd;
	uint64_t size_bytes = 0;
	uint32_t block_bytes = 0;
	struct block *block;
	int r = measure(fd, config->read_only, &size_bytes, &block_bytes, err);

	if (r < 0)
		return r;
	block = calloc(1, sizeof(*block));
	if (!block)
		return err_set(err, ENOMEM, "cannot make a block device");
	block->dev.ops = &block_ops;
	block->limits.read_only = config->read_only;
	memcpy(block->id, config->id, sizeof(block->id));
	describe(block, size_bytes, block_bytes);
	r = block_io_init(&block->io, TAKE_FD(fd), config->rings, request_done, block, err);
	if (r < 0) {
		block_free(&block->dev);
		return r;
	}
	*ret_dev = &block->dev;
	return 0;
}
