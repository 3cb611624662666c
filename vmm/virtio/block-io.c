/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block requests on io_uring. A job that completes partly goes on the ring again for the rest:
 *
 *	take, start --> ring --submit--> kernel --reap--> done
 *	                 ^                        |
 *	                 +----- more to do -------+
 */
#include "vmm/virtio/block-io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/syscalls.h"

/*
 * On io_uring what counts is which operations a ring takes: see block-ring.h. A vCPU that resets
 * its disk waits for what is in flight.
 */
SYSCALLS(SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, io_uring_enter),
	 SYSCALL(SYSCALLS_MAIN | SYSCALLS_VCPU, clock_nanosleep));

/*
 * From this size on a transfer is left to a worker thread of the kernel: copying it out of the page
 * cache would keep the I/O thread from everything else.
 */
#define ASYNC_BYTES (512u << 10)

#define DRAIN_FAILURES_MAX 1000u
#define DRAIN_PAUSE_US	   1000u

int block_io_init(struct block_io *io, int fd, struct block_rings *rings, block_io_done_fn *done,
		  void *ctx, struct err *err)
{
	io->fd = fd;
	io->done = done;
	io->ctx = ctx;
	io->rings = rings;
	for (unsigned i = BLOCK_JOBS_MAX; i > 0; i--)
		block_io_put_job(io, &io->jobs[i - 1]);
	return block_rings_take(rings, &io->ring, err);
}

void block_io_fini(struct block_io *io)
{
	if (io->ring)
		block_rings_put(io->rings, io->ring);
	if (io->fd >= 0)
		close(io->fd);
	io->ring = NULL;
	io->fd = -1;
}

struct block_job *block_io_take_job(struct block_io *io)
{
	return io->n_free > 0 ? io->free_jobs[--io->n_free] : NULL;
}

void block_io_put_job(struct block_io *io, struct block_job *job)
{
	io->free_jobs[io->n_free++] = job;
}

static void prepare_erase(struct io_uring_sqe *sqe, const struct block_io *io,
			  const struct block_job *job)
{
	const struct block_request *request = &job->request;
	bool punch = request->unmap || job->plain_zeroes_failed;

	io_uring_prep_fallocate(sqe, io->fd,
				FALLOC_FL_KEEP_SIZE |
					(punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE),
				(off_t)request->offset_bytes, (off_t)request->len_bytes);
}

/* What is left of the job. The ring has room, as it has an entry for each job. */
static void put_on_ring(struct block_io *io, struct block_job *job)
{
	const struct block_request *request = &job->request;
	const struct iovec *iov = request->iov + job->first_iov;
	unsigned n = (unsigned)request->n_iov - job->first_iov;
	uint64_t offset = request->offset_bytes + job->done_bytes;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&io->ring->ring);

	assert(sqe);
	switch (request->op) {
	case BLOCK_OP_READ:
		io_uring_prep_readv(sqe, io->fd, iov, n, offset);
		break;
	case BLOCK_OP_WRITE:
		io_uring_prep_writev2(sqe, io->fd, iov, n, offset,
				      io->write_through ? RWF_DSYNC : 0);
		break;
	case BLOCK_OP_FLUSH:
		io_uring_prep_fsync(sqe, io->fd, IORING_FSYNC_DATASYNC);
		break;
	default:
		prepare_erase(sqe, io, job);
		break;
	}
	if (request->len_bytes - job->done_bytes >= ASYNC_BYTES)
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, job);
}

void block_io_start(struct block_io *io, struct block_job *job)
{
	job->done_bytes = 0;
	job->first_iov = 0;
	job->plain_zeroes_failed = false;
	job->generation = io->generation;
	io->n_in_flight++;
	put_on_ring(io, job);
}

int block_io_submit(struct block_io *io)
{
	while (io_uring_sq_ready(&io->ring->ring) > 0) {
		int n = io_uring_submit(&io->ring->ring);

		if (n <= 0 && n != -EINTR)
			return n < 0 ? n : -EAGAIN;
	}
	return 0;
}

static void advance(struct block_job *job, uint64_t bytes)
{
	job->done_bytes += bytes;
	while (bytes > 0) {
		struct iovec *part = &job->request.iov[job->first_iov];
		size_t step = MIN((size_t)bytes, part->iov_len);

		part->iov_base = (uint8_t *)part->iov_base + step;
		part->iov_len -= step;
		bytes -= step;
		if (part->iov_len == 0)
			job->first_iov++;
	}
}

/* What became of a job at a completion: positive while there is more to submit, 0 or -errno at its
 * end. */
#define JOB_GOES_ON 1

static int transfer_completed(struct block_job *job, int result)
{
	struct block_request *request = &job->request;

	if (result < 0)
		return result;
	advance(job, (uint64_t)result);
	if (job->done_bytes == request->len_bytes)
		return 0;
	if (result > 0)
		return JOB_GOES_ON;
	if (request->op == BLOCK_OP_WRITE)
		return -ENOSPC;
	/* The end of the file: the last sector's rest, or somebody cut the file short. */
	block_request_zero(request);
	job->done_bytes = request->len_bytes;
	return 0;
}

static int job_completed(struct block_job *job, int result)
{
	const struct block_request *request = &job->request;

	if (result == -EINTR || result == -EAGAIN)
		return JOB_GOES_ON;
	if (request->op == BLOCK_OP_READ || request->op == BLOCK_OP_WRITE)
		return transfer_completed(job, result);
	if (result == -EOPNOTSUPP && request->op == BLOCK_OP_WRITE_ZEROES && !request->unmap &&
	    !job->plain_zeroes_failed) {
		job->plain_zeroes_failed = true;
		return JOB_GOES_ON;
	}
	return MIN(result, 0);
}

static void end_job(struct block_io *io, struct block_job *job, int error)
{
	const struct block_request *request = &job->request;
	bool erase = request->op == BLOCK_OP_DISCARD || request->op == BLOCK_OP_WRITE_ZEROES;
	enum block_status status = BLOCK_OK;

	if (error < 0)
		status = erase && error == -EOPNOTSUPP ? BLOCK_UNSUPPORTED : BLOCK_IO_ERROR;
	io->done(io->ctx, request, status,
		 request->op == BLOCK_OP_READ ? (uint32_t)job->done_bytes : 0, error);
}

static void complete(struct block_io *io, struct block_job *job, int result)
{
	if (job->generation == io->generation) {
		int r = job_completed(job, result);

		if (r == JOB_GOES_ON) {
			put_on_ring(io, job);
			return;
		}
		end_job(io, job, r);
	}
	io->n_in_flight--;
	block_io_put_job(io, job);
}

void block_io_reap(struct block_io *io)
{
	struct io_uring_cqe *cqe;
	uint64_t count;

	/* The event goes first: what completes after the last look then raises it again. */
	if (io_uring_cq_ready(&io->ring->ring) > 0)
		(void)!read(io->ring->event_fd, &count, sizeof(count));
	while (io_uring_peek_cqe(&io->ring->ring, &cqe) == 0) {
		struct block_job *job = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&io->ring->ring, cqe);
		complete(io, job, result);
	}
}

void block_io_drain(struct block_io *io)
{
	unsigned failures = 0;

	io->generation++;
	while (io->n_in_flight > 0 && failures < DRAIN_FAILURES_MAX) {
		int n = io_uring_submit_and_wait(&io->ring->ring, 1);

		if (n < 0 && n != -EINTR) {
			failures++;
			usleep(DRAIN_PAUSE_US);
		}
		block_io_reap(io);
	}
	if (io->n_in_flight > 0)
		log_error("block: %u requests outlive a reset", io->n_in_flight);
}
