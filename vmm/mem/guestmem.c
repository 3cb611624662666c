/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: its mappings, anonymous or of a descriptor that others map as well, and the bounds
 * check that stands before each pointer into them.
 */
#include "vmm/mem/guestmem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/fd.h"

#define HUGE_PAGE_BYTES (2ull << 20)

/*
 * Host and guest addresses are the same modulo a huge page, or the processor could not translate in
 * huge pages even where the host provides them: half of the exits of a boot are faults on small
 * ones. fd -1: anonymous memory.
 */
static void *map_aligned(uint64_t size_bytes, int fd, uint64_t fd_offset)
{
	uint64_t room = size_bytes + HUGE_PAGE_BYTES, head;
	uint8_t *host;

	if (room < size_bytes) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	host = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (host == MAP_FAILED)
		return MAP_FAILED;
	head = -(uintptr_t)host % HUGE_PAGE_BYTES;
	if (head > 0)
		(void)munmap(host, head);
	(void)munmap(host + head + size_bytes, HUGE_PAGE_BYTES - head);
	host += head;
	if (fd >= 0 &&
	    mmap(host, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		 fd, (off_t)fd_offset) == MAP_FAILED) {
		int errnum = errno;

		(void)munmap(host, size_bytes);
		errno = errnum;
		return MAP_FAILED;
	}
	return host;
}

static int add_region(struct guestmem *mem, gpa_t gpa, uint64_t size_bytes, struct err *err)
{
	struct guestmem_region *region = &mem->regions[mem->n_regions];
	uint64_t fd_offset = guestmem_size(mem);
	void *host = map_aligned(size_bytes, mem->shared ? mem->fd : -1, fd_offset);

	if (host == MAP_FAILED)
		return err_set(err, errno, "cannot map %" PRIu64 " MiB of guest memory",
			       size_bytes >> 20);
	/* A core dump of ours holds our own state, not the secrets of the guest. */
	(void)madvise(host, size_bytes, MADV_DONTDUMP);
	*region = (struct guestmem_region){
		.gpa = gpa, .size_bytes = size_bytes, .host = host, .fd_offset = fd_offset
	};
	mem->n_regions++;
	return 0;
}

/* Makes the descriptor that shared memory is mapped from. */
static int make_shared(struct guestmem *mem, uint64_t size_bytes, struct err *err)
{
	_cleanup_fd_ int fd = memfd_create("guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_set(err, errno, "cannot make %" PRIu64 " MiB of shared guest memory",
			       size_bytes >> 20);
	mem->fd = TAKE_FD(fd);
	mem->shared = true;
	return 0;
}

static int init(struct guestmem *mem, uint64_t size_bytes, gpa_t hole_start, gpa_t hole_end,
		bool shared, struct err *err)
{
	uint64_t low = MIN(size_bytes, hole_start);
	uint64_t high = size_bytes - low;
	int r = 0;

	*mem = (struct guestmem){ 0 };
	if (size_bytes == 0 || size_bytes % GUESTMEM_PAGE_SIZE != 0)
		return err_say(err, EINVAL,
			       "guest memory of %" PRIu64 " bytes is not a multiple of %u",
			       size_bytes, GUESTMEM_PAGE_SIZE);
	if (low == 0 || low % GUESTMEM_PAGE_SIZE != 0 || hole_end < hole_start ||
	    hole_end % GUESTMEM_PAGE_SIZE != 0 || high > UINT64_MAX - hole_end)
		return err_say(err, EINVAL,
			       "guest memory of %" PRIu64
			       " bytes does not fit around the hole from "
			       "%#" PRIx64 " to %#" PRIx64,
			       size_bytes, hole_start, hole_end);
	if (shared)
		r = make_shared(mem, size_bytes, err);
	if (r == 0)
		r = add_region(mem, 0, low, err);
	if (r == 0 && high > 0)
		r = add_region(mem, hole_end, high, err);
	if (r < 0)
		guestmem_fini(mem);
	return r;
}

int guestmem_init(struct guestmem *mem, uint64_t size_bytes, gpa_t hole_start, gpa_t hole_end,
		  struct err *err)
{
	return init(mem, size_bytes, hole_start, hole_end, false, err);
}

int guestmem_init_shared(struct guestmem *mem, uint64_t size_bytes, gpa_t hole_start,
			 gpa_t hole_end, struct err *err)
{
	return init(mem, size_bytes, hole_start, hole_end, true, err);
}

void guestmem_fini(struct guestmem *mem)
{
	for (size_t i = 0; i < mem->n_regions; i++)
		(void)munmap(mem->regions[i].host, mem->regions[i].size_bytes);
	if (mem->shared)
		close(mem->fd);
	*mem = (struct guestmem){ 0 };
}

void *guestmem_at(const struct guestmem *mem, gpa_t gpa, uint64_t len_bytes)
{
	for (size_t i = 0; i < mem->n_regions; i++) {
		const struct guestmem_region *region = &mem->regions[i];
		uint64_t offset = gpa - region->gpa;

		/* Subtractions only: gpa + len_bytes may overflow, these cannot once their turn
		 * comes. */
		if (gpa < region->gpa || offset >= region->size_bytes)
			continue;
		if (len_bytes == 0 || len_bytes > region->size_bytes - offset)
			return NULL;
		return region->host + offset;
	}
	return NULL;
}

int guestmem_load(const struct guestmem *mem, gpa_t gpa, uint64_t len_bytes, int fd,
		  uint64_t offset_bytes)
{
	void *host = guestmem_at(mem, gpa, len_bytes);
	ssize_t n;

	if (!host)
		return -EFAULT;
	if (!mem->shared) {
		if (mmap(host, len_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd,
			 (off_t)offset_bytes) == MAP_FAILED)
			return -errno;
		(void)madvise(host, len_bytes, MADV_DONTDUMP);
		return 0;
	}
	n = fd_pread_full(fd, host, len_bytes, (off_t)offset_bytes);
	return n < 0 ? (int)n : (uint64_t)n == len_bytes ? 0 : -EIO;
}

/*
 * Ends a copy to or from memory that the guest writes meanwhile: the compiler must neither drop the
 * copy nor read the original again later, where it may differ.
 */
static void copy_is_final(void)
{
	__asm__ volatile("" ::: "memory");
}

bool guestmem_read(const struct guestmem *mem, gpa_t gpa, void *dst, uint64_t len_bytes)
{
	const void *src = guestmem_at(mem, gpa, len_bytes);

	if (!src)
		return false;
	memcpy(dst, src, len_bytes);
	copy_is_final();
	return true;
}

bool guestmem_write(const struct guestmem *mem, gpa_t gpa, const void *src, uint64_t len_bytes)
{
	void *dst = guestmem_at(mem, gpa, len_bytes);

	if (!dst)
		return false;
	memcpy(dst, src, len_bytes);
	copy_is_final();
	return true;
}

uint64_t guestmem_size(const struct guestmem *mem)
{
	uint64_t size_bytes = 0;

	for (size_t i = 0; i < mem->n_regions; i++)
		size_bytes += mem->regions[i].size_bytes;
	return size_bytes;
}
