/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM of a few hundred instructions that executes in ring 0 what a Linux kernel executes there:
 * the only way to tell a KVM that runs guests in hardware from one that interprets them and stops
 * half-way.
 */
#ifndef KATA_LIKE_VMM_CHECK_PROBE_H
#define KATA_LIKE_VMM_CHECK_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "vmm/check/probe-guest.h"

/* How long the whole probe may take. A sound host needs a few milliseconds. */
#define PROBE_LIMIT_MS 2000

struct probe_result {
	bool ok;
	unsigned step;	  /* PROBE_STEP_*: how far it got; the one that failed unless ok */
	uint32_t have;	  /* PROBE_HAVE_*: what CPUID offers; steps without are passed over */
	char detail[256]; /* what happened at that step */
};

/*
 * Runs the probe in a child process on kvm_fd (borrowed), so that nothing that KVM does to it,
 * hanging included, is felt here. The result says it all.
 */
void probe_run(int kvm_fd, struct probe_result *ret_result);

/* What a step tries: "POPCNT". */
const char *probe_step_name(unsigned step);
/* The PROBE_HAVE_* bit that a step needs, 0 for none. */
uint32_t probe_step_needs(unsigned step);

#endif
