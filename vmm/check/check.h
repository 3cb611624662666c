/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this host can run virtual machines, and if not, why and what to do about it. */
#ifndef KATA_LIKE_VMM_CHECK_CHECK_H
#define KATA_LIKE_VMM_CHECK_CHECK_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Looks at the KVM device (a path or "fd:N"), its capabilities, and how a probe guest fares; writes
 * what it found to out, as text or JSON. True if VMs can run. Takes a few seconds at most.
 */
bool check_run(const char *kvm, bool json, FILE *out);

#endif
