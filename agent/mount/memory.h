/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes in the VM's own memory, which the containers of a pod share and which end with it. */
#ifndef KATA_LIKE_AGENT_MOUNT_MEMORY_H
#define KATA_LIKE_AGENT_MOUNT_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

#define MEMORY_PATH_MAX 64

struct memory_volume {
	const char *name;    /* hexadecimal digits and "-", at most 36 */
	uint64_t size_bytes; /* 0: the tmpfs default; at most the machine's memory is given */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Makes it unless it is there. ret_path: where it is. -EINVAL for another name. */
int memory_use(const struct memory_volume *volume, char ret_path[MEMORY_PATH_MAX], struct err *err)
	_must_check_;

#endif
