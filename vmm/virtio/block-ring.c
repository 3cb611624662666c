/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of io_uring for disks. */
#include "vmm/virtio/block-ring.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "vmm/virtio/block-io.h"

/* Threads of the kernel that do what cannot be done at once, for each kind of work. */
#define KERNEL_WORKERS 4u

static void ring_free(struct block_ring *ring)
{
	if (ring->event_fd >= 0)
		close(ring->event_fd);
	io_uring_queue_exit(&ring->ring);
	free(ring);
}

/* liburing 2.3 declares functions for these and does not export them. */
static int register_with(const struct io_uring *ring, unsigned what, const void *rows, unsigned n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, rows, n) < 0 ? -errno : 0;
}

/* What io_uring is asked for in block-io.c, and no further registration. */
static int restrict_to_disks(struct io_uring *ring)
{
	static const uint8_t operations[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
					      IORING_OP_FALLOCATE };
	struct io_uring_restriction rows[ARRAY_SIZE(operations) + 1] = { 0 };
	unsigned n = 0;

	for (; n < ARRAY_SIZE(operations); n++) {
		rows[n].opcode = IORING_RESTRICTION_SQE_OP;
		rows[n].sqe_op = operations[n];
	}
	rows[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rows[n++].sqe_flags = IOSQE_ASYNC;
	return register_with(ring, IORING_REGISTER_RESTRICTIONS, rows, n);
}

static int set_up(struct block_ring *ring, struct err *err)
{
	unsigned workers[2] = { KERNEL_WORKERS, KERNEL_WORKERS };
	int r;

	ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->event_fd < 0)
		return err_set(err, errno, "cannot make an eventfd");
	r = io_uring_register_eventfd(&ring->ring, ring->event_fd);
	if (r < 0)
		return err_set(err, -r, "cannot set up io_uring's eventfd");
	/* A kernel too old for a limit starts as many threads as it likes; nothing else changes. */
	(void)io_uring_register_iowq_max_workers(&ring->ring, workers);
	r = restrict_to_disks(&ring->ring);
	if (r == 0)
		r = register_with(&ring->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return r < 0 ? err_set(err, -r, "cannot restrict io_uring to what disks need") : 0;
}

static int ring_new(struct block_ring **ret_ring, struct err *err)
{
	/*
	 * Not COOP_TASKRUN or DEFER_TASKRUN: a vCPU thread that drains holds the lock the I/O
	 * thread waits for, and the kernel must be able to interrupt that wait to run the
	 * completions there.
	 */
	struct io_uring_params params = { .flags = IORING_SETUP_R_DISABLED };
	struct block_ring *ring = calloc(1, sizeof(*ring));
	int r;

	if (!ring)
		return err_set(err, ENOMEM, "cannot set up io_uring");
	ring->event_fd = -1;
	r = io_uring_queue_init_params(BLOCK_JOBS_MAX, &ring->ring, &params);
	if (r < 0) {
		free(ring);
		r = err_set(err, -r, "cannot set up io_uring");
		return r == -EPERM ? err_hint(err, "is sysctl kernel.io_uring_disabled set?") : r;
	}
	r = set_up(ring, err);
	if (r < 0) {
		ring_free(ring);
		return r;
	}
	*ret_ring = ring;
	return 0;
}

int block_rings_init(struct block_rings *rings, size_t n, struct err *err)
{
	int r = 0;

	while (rings->n < n && r == 0) {
		r = ring_new(&rings->spare[rings->n], err);
		if (r == 0)
			rings->n++;
	}
	rings->shut = true;
	return r;
}

void block_rings_fini(struct block_rings *rings)
{
	while (rings->n > 0)
		ring_free(rings->spare[--rings->n]);
}

int block_rings_take(struct block_rings *rings, struct block_ring **ret_ring, struct err *err)
{
	if (!rings || (rings->n == 0 && !rings->shut))
		return ring_new(ret_ring, err);
	if (rings->n == 0)
		return err_say(err, ENOSPC, "this VM cannot have another disk");
	*ret_ring = rings->spare[--rings->n];
	return 0;
}

void block_rings_put(struct block_rings *rings, struct block_ring *ring)
{
	if (rings && rings->shut && rings->n < BLOCK_RINGS_MAX)
		rings->spare[rings->n++] = ring;
	else
		ring_free(ring);
}
