/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: the only place that turns a guest address into a pointer, and always with a length.
 * First of the four walls (docs/ARCHITECTURE.md). The guest writes this memory while we read it:
 * callers copy what they decide on, once, and never look again.
 */
#ifndef KATA_LIKE_VMM_MEM_GUESTMEM_H
#define KATA_LIKE_VMM_MEM_GUESTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"

/* A guest physical address, in bytes. */
typedef uint64_t gpa_t;

#define GUESTMEM_REGIONS_MAX 4
#define GUESTMEM_PAGE_SIZE   4096u

struct guestmem_region {
	gpa_t gpa;
	uint64_t size_bytes;
	uint8_t *host;
	uint64_t fd_offset; /* of its first byte in the memory's descriptor, if it is shared */
};

struct guestmem {
	struct guestmem_region regions[GUESTMEM_REGIONS_MAX]; /* ascending, never overlapping */
	size_t n_regions;
	bool shared; /* the memory is that of fd, which other processes may map */
	int fd;	     /* owned; only where shared */
};

/*
 * Maps size_bytes (a multiple of the page size, not 0) of anonymous memory, not reserved and not
 * prefaulted: from 0 up to hole_start, and what is left from hole_end up. -ENOMEM, -EINVAL.
 */
int guestmem_init(struct guestmem *mem, uint64_t size_bytes, gpa_t hole_start, gpa_t hole_end,
		  struct err *err) _must_check_;
/*
 * The same, of memory that can be handed to another process by its descriptor (a file server's, by
 * vhost-user). Sealed: whoever gets the descriptor cannot shrink the memory under us.
 */
int guestmem_init_shared(struct guestmem *mem, uint64_t size_bytes, gpa_t hole_start,
			 gpa_t hole_end, struct err *err) _must_check_;
void guestmem_fini(struct guestmem *mem);

/*
 * Puts len_bytes of a file, from offset_bytes on, at gpa; all in whole pages. Private memory is
 * mapped from the file, each page until it is written to, so nobody may change the file any more;
 * shared memory is read from it. -EFAULT unless all of it lies in one region, or -errno.
 */
int guestmem_load(const struct guestmem *mem, gpa_t gpa, uint64_t len_bytes, int fd,
		  uint64_t offset_bytes) _must_check_;

/*
 * The memory of [gpa, gpa + len), or NULL unless all of it lies in one region. len 0 is never
 * mapped. The pointer lives as long as mem; its bytes belong to the guest and may change at any
 * moment.
 */
void *guestmem_at(const struct guestmem *mem, gpa_t gpa, uint64_t len_bytes) _must_check_;

/* Copies out of or into guest memory. False, with nothing copied, unless guestmem_at() would map
 * it. */
bool guestmem_read(const struct guestmem *mem, gpa_t gpa, void *dst, uint64_t len_bytes)
	_must_check_;
bool guestmem_write(const struct guestmem *mem, gpa_t gpa, const void *src, uint64_t len_bytes)
	_must_check_;

/* The bytes of all regions together. */
uint64_t guestmem_size(const struct guestmem *mem);

#endif
