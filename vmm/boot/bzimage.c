/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the header of a bzImage. */
#include "vmm/boot/bzimage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/boot/x86/layout.h"

/* Offsets in the file ("The Real-Mode Kernel Header"). */
enum {
	AT_SETUP_SECTORS = 0x1f1,
	AT_SYSSIZE = 0x1f4,
	AT_JUMP_LENGTH = 0x201,
	AT_MAGIC = 0x202,
	AT_VERSION = 0x206,
	AT_LOADFLAGS = 0x211,
	AT_INITRD_MAX = 0x22c,
	AT_ALIGNMENT = 0x230,
	AT_RELOCATABLE = 0x234,
	AT_XLOADFLAGS = 0x236,
	AT_CMDLINE_SIZE = 0x238,
	AT_PREF_ADDRESS = 0x258,
	AT_INIT_SIZE = 0x260,
	HEADER_END = 0x264,
};

#define MAGIC		  "HdrS"
#define VERSION_MIN	  0x020cu /* 2.12, Linux 3.8: the first with xloadflags */
#define LOADED_HIGH	  0x01u
#define XLF_KERNEL_64	  0x01u
#define SECTOR_BYTES	  512u
#define SETUP_SECTORS_OLD 4u /* what 0 means */

static uint32_t get32(const uint8_t *bytes, size_t at)
{
	uint32_t value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *bytes, size_t at)
{
	uint64_t value;

	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static unsigned get16(const uint8_t *bytes, size_t at)
{
	return bytes[at] | (unsigned)bytes[at + 1] << 8;
}

bool bzimage_detect(const uint8_t *bytes, size_t len_bytes)
{
	return len_bytes >= AT_MAGIC + 4 && memcmp(bytes + AT_MAGIC, MAGIC, 4) == 0;
}

static int check_protocol(const uint8_t *bytes, struct err *err)
{
	unsigned version = get16(bytes, AT_VERSION);

	if (version < VERSION_MIN)
		return err_say(
			err, ENOEXEC,
			"a bzImage of boot protocol %u.%u; at least 2.12 (Linux 3.8) is needed",
			version >> 8, version & 0xff);
	if (!(get16(bytes, AT_XLOADFLAGS) & XLF_KERNEL_64))
		return err_say(err, ENOEXEC,
			       "a bzImage without a 64-bit entry point (a 32-bit "
			       "kernel); give a kernel built for x86-64");
	if (!(bytes[AT_LOADFLAGS] & LOADED_HIGH))
		return err_say(err, ENOEXEC, "a zImage that loads below 1 MiB; build a bzImage");
	return 0;
}

int bzimage_parse(const uint8_t *bytes, size_t len_bytes, uint64_t file_bytes,
		  struct bzimage *ret_image, struct err *err)
{
	struct bzimage image = { 0 };
	uint32_t alignment;
	size_t setup_end;
	int r;

	if (len_bytes < HEADER_END || !bzimage_detect(bytes, len_bytes))
		return err_say(err, EINVAL,
			       "a bzImage cut short in its header; copy or build it again");
	r = check_protocol(bytes, err);
	if (r < 0)
		return r;

	image.payload_offset =
		bytes[AT_SETUP_SECTORS] ? bytes[AT_SETUP_SECTORS] : SETUP_SECTORS_OLD;
	image.payload_offset = (image.payload_offset + 1) * SECTOR_BYTES;
	image.payload_bytes = (uint64_t)get32(bytes, AT_SYSSIZE) * 16;
	if (image.payload_bytes <= BZIMAGE_ENTRY_64)
		return err_say(err, EINVAL, "a malformed bzImage: it holds no kernel");
	/* syssize counts in 16 bytes, rounded up: the file may end up to 15 bytes before. */
	if (image.payload_offset + image.payload_bytes > file_bytes + 15)
		return err_say(err, EINVAL,
			       "a bzImage cut short: %" PRIu64 " of %" PRIu64
			       " bytes are there; copy or build it again",
			       file_bytes, image.payload_offset + image.payload_bytes);
	image.payload_bytes = MIN(image.payload_bytes, file_bytes - image.payload_offset);

	image.load = get64(bytes, AT_PREF_ADDRESS);
	image.memory_bytes = MAX((uint64_t)get32(bytes, AT_INIT_SIZE), image.payload_bytes);
	alignment = get32(bytes, AT_ALIGNMENT);
	if (image.load < LAYOUT_KERNEL_MIN || image.load > UINT32_MAX ||
	    (bytes[AT_RELOCATABLE] && alignment > 0 && image.load % alignment != 0))
		return err_say(err, EINVAL,
			       "a malformed bzImage: it wants to be loaded at 0x%" PRIx64,
			       image.load);
	image.initrd_last = get32(bytes, AT_INITRD_MAX);
	image.cmdline_max = MIN(get32(bytes, AT_CMDLINE_SIZE), LAYOUT_CMDLINE_MAX - 1);

	/* The header ends where its first instruction jumps to ("Details of Header Fields"). */
	setup_end = AT_MAGIC + (size_t)bytes[AT_JUMP_LENGTH];
	image.setup_bytes = MIN(setup_end - BZIMAGE_SETUP_OFFSET, (size_t)BZIMAGE_SETUP_MAX);
	memcpy(image.setup, bytes + BZIMAGE_SETUP_OFFSET, image.setup_bytes);
	*ret_image = image;
	return 0;
}
