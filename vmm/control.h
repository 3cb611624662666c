/* SPDX-License-Identifier: Apache-2.0 */
/* Control of the VM from outside: the service of proto/vmm.proto on a socket that was inherited. */
#ifndef KATA_LIKE_VMM_CONTROL_H
#define KATA_LIKE_VMM_CONTROL_H

#include "lib/cleanup.h"
#include "lib/err.h"
#include "proto/ttrpc/server.h"
#include "vmm/descriptors.h"
#include "vmm/vm.h"

struct control {
	struct vm *vm;
	struct descriptors *descriptors;
	struct ttrpc_server *server;
};

/*
 * Serves the connected socket fd (taken over, on failure too) on the VM's loop. When the peer
 * closes it, or dies, the VM ends: nobody else could still reach it. Devices that are added get
 * their descriptors from there.
 */
int control_init(struct control *control, struct vm *vm, struct descriptors *descriptors, int fd,
		 struct err *err) _must_check_;
/* Fine on an all-zero one. Before the loop is freed. */
void control_fini(struct control *control);

#endif
