/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block requests on a file by io_uring: a fixed number of jobs, each with at most one entry on the
 * ring. No call here waits for the disk but block_io_drain(). Called with the device lock held.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_BLOCK_IO_H
#define KATA_LIKE_VMM_VIRTIO_BLOCK_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "vmm/virtio/block-request.h"
#include "vmm/virtio/block-ring.h"

#define BLOCK_JOBS_MAX 64u

struct block_job {
	struct block_request request; /* its iov shrinks from the front as bytes are moved */
	uint64_t done_bytes;
	uint16_t first_iov;	  /* of what is left */
	bool plain_zeroes_failed; /* ZERO_RANGE is not supported: PUNCH_HOLE is tried instead */
	unsigned generation;	  /* of block_io when it started */
};

/*
 * A request ended. data_bytes: read to the start of its room. error: 0, or the -errno behind a
 * status other than BLOCK_OK.
 */
typedef void block_io_done_fn(void *ctx, const struct block_request *request,
			      enum block_status status, uint32_t data_bytes, int error);

struct block_io {
	int fd;
	struct block_rings *rings; /* where the ring is from; NULL: nowhere */
	struct block_ring *ring;   /* ours until block_io_fini(); NULL without */
	bool write_through;	   /* a write that is done is on the disk (no flush will come) */
	unsigned n_in_flight;	   /* jobs on the ring, submitted or about to be */
	block_io_done_fn *done;
	void *ctx;
	unsigned generation; /* grows with each drain: completions of older jobs are nobody's any
				more */
	/* The last one freed is taken first, so memory is touched only as deep as the guest queues.
	 */
	unsigned n_free;
	struct block_job *free_jobs[BLOCK_JOBS_MAX];
	struct block_job jobs[BLOCK_JOBS_MAX];
};

/* io is all zeros. Owns fd from the call on; block_io_fini() is due even after a failure. */
int block_io_init(struct block_io *io, int fd, struct block_rings *rings, block_io_done_fn *done,
		  void *ctx, struct err *err) _must_check_;
/* Nothing may be in flight. */
void block_io_fini(struct block_io *io);

/* A job whose request the caller fills in, then starts or puts back; NULL while all are taken. */
struct block_job *block_io_take_job(struct block_io *io) _must_check_;
void block_io_put_job(struct block_io *io, struct block_job *job);

/* Puts the job on the ring. The request has status BLOCK_OK and is one that needs the disk. */
void block_io_start(struct block_io *io, struct block_job *job);

/* Hands what is on the ring to the kernel. 0, or -errno with entries left for the next call. */
int block_io_submit(struct block_io *io) _must_check_;

/* Ends the jobs that completed (see done) and puts those that have more to do on the ring again. */
void block_io_reap(struct block_io *io);

/* Waits until nothing is in flight; done is called for none of it. */
void block_io_drain(struct block_io *io);

#endif
