/* SPDX-License-Identifier: Apache-2.0 */
/* How the VM of a pod is made: what the annotations of its first container ask for, and defaults.
 */
#ifndef KATA_LIKE_SHIM_SANDBOX_GUEST_H
#define KATA_LIKE_SHIM_SANDBOX_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/paths.h"
#include "oci/spec.h"

#define GUEST_CMDLINE_MAX 2048
#define GUEST_CPUS_MAX	  255u

struct guest {
	char kernel[PATHS_MAX];
	char initrd[PATHS_MAX];
	char cmdline[GUEST_CMDLINE_MAX]; /* complete */
	uint32_t cpus;
	uint64_t memory_bytes;
	bool console;
};

/*
 * Reads the annotations of proto/task-api.h. -EINVAL names the key of a bad value or an unknown key
 * under the prefix; -ENOENT when no kernel is named and none is installed.
 */
int guest_from_spec(const struct oci_spec *spec, struct guest *ret_guest, struct err *err)
	_must_check_;

/* "512", "128M", "2G", "1T" (powers of 1024) in bytes. 0, or -EINVAL, -ERANGE. */
int guest_parse_size(const char *text, uint64_t *ret_bytes) _must_check_;

#endif
