/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a kernel into guest memory. */
#include "vmm/boot/kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/fd.h"
#include "vmm/boot/elf.h"

struct file {
	int fd;
	uint64_t bytes;
};

/* Reads exactly len bytes. */
static int file_pread(const struct file *file, void *dst, uint64_t len, uint64_t offset,
		      struct err *err)
{
	ssize_t n = fd_pread_full(file->fd, dst, len, (off_t)offset);

	if (n < 0)
		return err_set(err, (int)-n, "cannot read it");
	if ((uint64_t)n != len)
		return err_say(err, EIO, "became shorter while it was read");
	return 0;
}

/* Memory for the kernel, or an error that says how much would be needed. */
static int claim(const struct guestmem *mem, gpa_t gpa, uint64_t bytes, void **ret_at,
		 struct err *err)
{
	*ret_at = guestmem_at(mem, gpa, bytes);
	if (*ret_at)
		return 0;
	return err_say(err, ENOSPC,
		       "needs memory up to 0x%" PRIx64 " (%" PRIu64 " MiB), and the VM has %" PRIu64
		       " MiB; give it more",
		       gpa + bytes, (gpa + bytes + (1 << 20) - 1) >> 20, guestmem_size(mem) >> 20);
}

static int load_segments(const struct guestmem *mem, const struct file *file,
			 const struct elf_segments *segments, struct err *err)
{
	for (size_t i = 0; i < segments->n_load; i++) {
		const struct elf_segment *segment = &segments->load[i];
		void *at;
		int r = claim(mem, segment->gpa, segment->memory_bytes, &at, err);

		/* What follows the file's bytes is zero already: guest memory is fresh. */
		if (r == 0 && segment->file_bytes > 0)
			r = file_pread(file, at, segment->file_bytes, segment->offset, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_elf(const struct guestmem *mem, const struct file *file, const uint8_t *header,
		    struct kernel *ret_kernel, struct err *err)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct elf_segments segments = { 0 };
	const struct elf_segment *last;
	struct elf_table table = { 0 };
	gpa_t entry;
	int r = elf_parse_header(header, file->bytes, &table, err);

	if (r < 0)
		return r;
	bytes = malloc(MAX(table.bytes, (size_t)ELF_NOTES_MAX));
	if (!bytes)
		return err_set(err, ENOMEM, "cannot read it");
	r = file_pread(file, bytes, table.bytes, table.offset, err);
	if (r == 0)
		r = elf_parse_segments(bytes, table.bytes, file->bytes, &segments, err);
	if (r < 0)
		return r;
	r = file_pread(file, bytes, segments.notes_bytes, segments.notes_offset, err);
	if (r == 0)
		r = elf_find_pvh_entry(bytes, segments.notes_bytes, &segments, &entry, err);
	if (r == 0)
		r = load_segments(mem, file, &segments, err);
	if (r < 0)
		return r;
	last = &segments.load[segments.n_load - 1];
	*ret_kernel = (struct kernel){ .kind = KERNEL_ELF,
				       .entry = entry,
				       .end = last->gpa + last->memory_bytes };
	return 0;
}

static int load_bzimage(const struct guestmem *mem, const struct file *file, const uint8_t *header,
			size_t header_bytes, struct kernel *ret_kernel, struct err *err)
{
	struct bzimage image;
	void *at;
	int r = bzimage_parse(header, header_bytes, file->bytes, &image, err);

	if (r == 0)
		r = claim(mem, image.load, image.memory_bytes, &at, err);
	if (r == 0)
		r = file_pread(file, at, image.payload_bytes, image.payload_offset, err);
	if (r < 0)
		return r;
	*ret_kernel = (struct kernel){ .kind = KERNEL_BZIMAGE,
				       .entry = image.load + BZIMAGE_ENTRY_64,
				       .end = image.load + image.memory_bytes,
				       .bzimage = image };
	return 0;
}

/* What a file that is no kernel looks like, for the message. */
static const char *describe(const uint8_t *bytes, size_t len)
{
	static const struct {
		size_t offset;
		const char *magic;
		size_t magic_bytes;
		const char *what;
	} known[] = {
		{ 0, "\x1f\x8b", 2, "a gzip file (unpack it first)" },
		{ 0,
		  "\xfd"
		  "7zXZ",
		  5, "an xz file (unpack it first)" },
		{ 0, "\x28\xb5\x2f\xfd", 4, "a zstd file (unpack it first)" },
		{ 0, "070701", 6, "a cpio archive (an initrd?)" },
		{ 0, "#!", 2, "a script" },
		{ 0x38, "ARM\x64", 4, "an aarch64 kernel" },
		{ 0x30, "RISCV", 5, "a riscv kernel" },
	};

	if (len == 0)
		return "an empty file";
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t end = known[i].offset + known[i].magic_bytes;

		if (len >= end &&
		    memcmp(bytes + known[i].offset, known[i].magic, known[i].magic_bytes) == 0)
			return known[i].what;
	}
	return "something else";
}

static int load(const struct guestmem *mem, int fd, struct kernel *ret_kernel, struct err *err)
{
	uint8_t header[BZIMAGE_HEADER_BYTES];
	struct file file = { .fd = fd };
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "cannot read it");
	if (!S_ISREG(st.st_mode))
		return err_say(err, EINVAL, "no regular file");
	file.bytes = (uint64_t)st.st_size;
	n = fd_pread_full(fd, header, sizeof(header), 0);
	if (n < 0)
		return err_set(err, (int)-n, "cannot read it");
	if (n >= (ssize_t)ELF_HEADER_BYTES && memcmp(header,
						     "\x7f"
						     "ELF",
						     4) == 0)
		return load_elf(mem, &file, header, ret_kernel, err);
	if (bzimage_detect(header, (size_t)n))
		return load_bzimage(mem, &file, header, (size_t)n, ret_kernel, err);
	return err_say(err, ENOEXEC, "%s, neither an x86-64 vmlinux nor a bzImage",
		       describe(header, (size_t)n));
}

int kernel_load(const struct guestmem *mem, int fd, const char *name, struct kernel *ret_kernel,
		struct err *err)
{
	return load(mem, fd, ret_kernel, err) < 0 ? err_push(err, "kernel %s", name) : 0;
}
