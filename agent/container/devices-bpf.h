/* SPDX-License-Identifier: Apache-2.0 */
/* Access to devices by an eBPF program on the cgroup, made from the rules of config.json. */
#ifndef KATA_LIKE_AGENT_CONTAINER_DEVICES_BPF_H
#define KATA_LIKE_AGENT_CONTAINER_DEVICES_BPF_H

#include <linux/bpf.h>

#include "oci/spec.h"

/*
 * Writes the program for these rules and the devices that every container has. Each bit of an
 * access is decided by the last rule that matches; what none matches is denied. Returns how many
 * instructions, or -E2BIG.
 */
int devices_bpf_build(const struct oci_device_rule *rules, size_t n_rules,
		      struct bpf_insn *instructions, size_t room) _must_check_;

/* Puts the program on the cgroup, in place of the one that is there. */
int devices_bpf_attach(int cgroup_fd, const struct oci_device_rule *rules, size_t n_rules,
		       struct err *err) _must_check_;

#endif
