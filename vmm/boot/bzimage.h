/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the header of a bzImage (Linux x86 boot protocol, Documentation/arch/x86/boot.rst): a
 * pure function over the file's first bytes.
 */
#ifndef KATA_LIKE_VMM_BOOT_BZIMAGE_H
#define KATA_LIKE_VMM_BOOT_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "vmm/mem/guestmem.h"

#define BZIMAGE_HEADER_BYTES 1024u /* what bzimage_parse() needs of the file's start */
#define BZIMAGE_SETUP_OFFSET \
	0x1f1u			 /* where the setup header starts in the file and in boot_params */
#define BZIMAGE_SETUP_MAX 0x7fu	 /* the longest setup header that fits boot_params */
#define BZIMAGE_ENTRY_64  0x200u /* the 64-bit entry, from where the image was loaded */

struct bzimage {
	uint64_t payload_offset; /* the protected-mode part, within the file */
	uint64_t payload_bytes;
	gpa_t load; /* at least 1 MiB, and a multiple of the alignment that the kernel wants */
	uint64_t
		memory_bytes; /* that the kernel uses from load on before it reads the memory map */
	gpa_t initrd_last;    /* the last address an initrd may use */
	uint32_t cmdline_max; /* without its NUL */
	uint8_t setup[BZIMAGE_SETUP_MAX]; /* the setup header as it stands in the file */
	size_t setup_bytes;
};

/* True if the bytes look like a bzImage (its magic number is there). */
bool bzimage_detect(const uint8_t *bytes, size_t len_bytes) _must_check_;

/* Checks the header. bytes: the first BZIMAGE_HEADER_BYTES, or all of a shorter file. */
int bzimage_parse(const uint8_t *bytes, size_t len_bytes, uint64_t file_bytes,
		  struct bzimage *ret_image, struct err *err) _must_check_;

#endif
