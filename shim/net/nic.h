/* SPDX-License-Identifier: Apache-2.0 */
/* One network device of the VM, from the pod's interface that it is joined to. */
#ifndef KATA_LIKE_SHIM_NET_NIC_H
#define KATA_LIKE_SHIM_NET_NIC_H

#include "lib/bytes.h"
#include "shim/net/model.h"
#include "shim/net/network.h"

#define NIC_ADDRESS_MAX 16

struct nic {
	struct nic *next;
	struct joint joint;
	bool socket;		       /* of --net user: it belongs to no interface */
	bool joined;		       /* false: it could not be, and that has been told */
	bool plugged;		       /* the VM has it */
	bool found;		       /* the guest has set it up */
	struct bytes set;	       /* the last message that the agent got for it */
	char address[NIC_ADDRESS_MAX]; /* on the guest's bus; "" when not known (yet) */
};

/* A new one for an interface, not yet joined. NULL when out of memory. */
struct nic *nic_new(const struct scan_interface *interface, uint32_t n_queues) _must_check_;
/* Closes its descriptors. NULL is fine. */
void nic_free(struct nic *nic);

/* Joins it by the model, or by what fits an interface of that kind better. */
int nic_join(struct nic *nic, const struct net_place *place, const struct net_model *model,
	     const struct scan_interface *interface, struct err *err) _must_check_;
/* Undoes that; what cannot be undone is logged. */
void nic_part(struct nic *nic, const struct net_place *place);

/* The VMM has the descriptors: closes ours, so that a tap goes when the VMM lets go of it. */
void nic_release(struct nic *nic);

/* As the VMM is told about it. */
struct vmm_nic nic_describe(const struct nic *nic);

#endif
