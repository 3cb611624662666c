/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes and links of a container's /dev. */
#ifndef KATA_LIKE_AGENT_MOUNT_DEVICES_H
#define KATA_LIKE_AGENT_MOUNT_DEVICES_H

#include "oci/spec.h"

/*
 * Makes the devices that every container has, those of config.json, and /dev/fd and the like. With
 * bind_nodes (a user namespace, which may not make nodes) they are bound from the VM's /dev. A /dev
 * that is itself a bind mount is left as it is.
 */
int devices_make(int root_fd, const struct oci_spec *spec, bool bind_nodes, struct err *err)
	_must_check_;

/* Makes the terminal that slave_fd refers to the container's /dev/console. */
int devices_make_console(int root_fd, int slave_fd, struct err *err) _must_check_;

#endif
