/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network of one pod's VM: every interface of the pod's namespace is joined to the VM, and what
 * changes there while the VM runs is followed. All that the sandbox calls of shim/net/ is here.
 *
 * In order: network_new() before the VMM starts, network_nics() for its start,
 * network_handed_over() after it, network_up() when the agent serves, network_free() when the VM
 * has gone.
 */
#ifndef KATA_LIKE_SHIM_NET_NETWORK_H
#define KATA_LIKE_SHIM_NET_NETWORK_H

#include "lib/loop.h"
#include "shim/net/request.h"
#include "shim/sandbox/agent-client.h"
#include "shim/sandbox/turns.h"
#include "shim/sandbox/vmm-process.h"
#include "shim/state.h"

#define NETWORK_NICS_MAX 8

struct network;

/* err is empty when it is done. */
typedef void network_done_fn(void *ctx, const struct err *err);

/* Joins what is in the pod's namespace, if there is one. state is borrowed. */
int network_new(struct loop *loop, const struct state *state, const struct net_request *request,
		struct network **ret_network, struct err *err) _must_check_;
/* Undoes all of it. The VM is gone. NULL is fine. */
void network_free(struct network *network);

/* The devices for the VM to start with, at most NETWORK_NICS_MAX; what they name is the network's.
 */
size_t network_nics(const struct network *network, struct vmm_nic *ret_nics);
/* The VMM has inherited the descriptors. */
void network_handed_over(struct network *network);

/*
 * Configures the guest's interfaces, then follows changes, through agent, vmm and link, which are
 * borrowed and outlive the network's use of them: done is called once, maybe from within.
 */
void network_up(struct network *network, struct agent_client *agent, struct vmm_process *vmm,
		struct vsock_link *link, network_done_fn *done, void *ctx);

/*
 * From here on devices come and go in turns only, which outlive the network. Before, during the
 * boot, nobody else changes them.
 */
void network_take_turns(struct network *network, struct turns *turns);

/* Looks now, and calls done when the guest has what the namespace has. */
void network_settle(struct network *network, network_done_fn *done, void *ctx);

/* The VM has gone: nothing is asked of it any more. */
void network_down(struct network *network);

#endif
