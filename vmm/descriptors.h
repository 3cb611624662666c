/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that the shim handed over and no call has claimed yet: see proto/descriptor-lane.h.
 */
#ifndef KATA_LIKE_VMM_DESCRIPTORS_H
#define KATA_LIKE_VMM_DESCRIPTORS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/loop.h"
#include "proto/descriptor-lane.h"

struct descriptors {
	int lane_fd; /* owned; -1 once the shim closed it */
	struct loop_source *source;
	size_t n; /* oldest first */
	struct {
		uint64_t token;
		int fd;
	} waiting[DESCRIPTOR_LANE_WAITING_MAX];
};

/* Takes the SOCK_SEQPACKET socket lane_fd, on failure too. */
int descriptors_init(struct descriptors *descriptors, struct loop *loop, int lane_fd,
		     struct err *err) _must_check_;
/* Closes what was not claimed. Fine on an all-zero one that has no lane. */
void descriptors_fini(struct descriptors *descriptors);

/* The descriptor that was handed over with token, now the caller's, or -ENOENT. */
int descriptors_claim(struct descriptors *descriptors, uint64_t token) _must_check_;

#endif
