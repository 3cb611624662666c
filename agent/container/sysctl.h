/* SPDX-License-Identifier: Apache-2.0 */
/* linux.sysctl: kernel parameters of the container's namespaces, or of the pod's own kernel. */
#ifndef KATA_LIKE_AGENT_CONTAINER_SYSCTL_H
#define KATA_LIKE_AGENT_CONTAINER_SYSCTL_H

#include "oci/spec.h"

/* "net.ipv4.ip_forward" or "net/ipv4/conf/eth0.1/…" to a path below /proc/sys. -EINVAL. */
int sysctl_path(const char *key, char *ret_path, size_t size) _must_check_;

/*
 * Writes them. Those that belong to a namespace go to the calling process's; others are allowed
 * where the kernel is the pod's own (whole_kernel), and refused elsewhere.
 */
int sysctl_apply(const struct oci_spec *spec, bool whole_kernel, struct err *err) _must_check_;

#endif
