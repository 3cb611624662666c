/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the VM's devices what the namespace's interfaces are, one step after another: takes away
 * what is gone, adds what is new, sets what is different. Only of use to network.c.
 */
#ifndef KATA_LIKE_SHIM_NET_SYNC_H
#define KATA_LIKE_SHIM_NET_SYNC_H

#include "shim/net/helper.h"
#include "shim/net/nic.h"
#include "shim/net/record.h"
#include "shim/sandbox/turns.h"

struct sync_waiter;

struct network {
	struct loop *loop;
	const struct state *state;
	struct net_request request;
	struct net_place place; /* netns_fd is -1 when there is none */
	struct nic *nics;
	struct helper *user; /* the program behind --net user */
	struct scan_interface *user_interface;
	struct forward *forward;
	struct watch *watch;
	/* From network_up() to network_down(). */
	struct agent_client *agent;
	struct vmm_process *vmm;
	struct turns *turns; /* for changes of the VM's devices; NULL while it boots */
	/* Of the synchronization under way: */
	bool busy, again;
	struct turn *turn; /* asked for, or taken; until the end of it */
	bool has_turn;
	bool vmm_called; /* its answer is still to come */
	bool freed;	 /* by network_free(), but for that answer */
	struct scan *scan;
	struct nic *nic; /* that a call is about */
	struct err problem;
	struct sync_waiter *waiters;
};

/* Joins every interface that the scan has, for a VM that does not run yet. */
int sync_join_all(struct network *network, struct err *err) _must_check_;

/* Synchronizes, again if that is under way already, and then calls done; done may be NULL. */
void sync_start(struct network *network, network_done_fn *done, void *ctx);

/* Calls who waits, with this problem. */
void sync_give_up(struct network *network, const struct err *why);

/* Ends its turn: the VM has gone. */
void sync_end_turn(struct network *network);

/* Writes down what is joined, or is about to be. */
int sync_record(const struct network *network, struct err *err) _must_check_;

#endif
