/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to join an interface of the pod's namespace to the VM. Each is one file that ends in a
 * const struct net_model, and a row in model.c.
 */
#ifndef KATA_LIKE_SHIM_NET_MODEL_H
#define KATA_LIKE_SHIM_NET_MODEL_H

#include "shim/net/scan.h"

struct nl_sock;

#define JOINT_QUEUES_MAX 8u

/* The namespace as seen from the shim. Borrowed. */
struct net_place {
	int netns_fd;
	struct nl_sock *sock; /* of libnl-route, in it */
};

/* One interface, and what joins it to the VM. */
struct joint {
	const struct net_model *model;
	int index;		     /* of the pod's interface */
	char name[IFNAMSIZ];	     /* its name when it was joined */
	uint8_t mac[SCAN_MAC_BYTES]; /* the guest's, which was the interface's */
	uint32_t mtu;
	uint32_t n_queues; /* wanted; at most JOINT_QUEUES_MAX */
	/* What the VMM reads and writes frames by, one a queue pair; each begins with a virtio-net
	 * header. -1 beyond them. The joint's. */
	int fds[JOINT_QUEUES_MAX];
	size_t n_fds;
};

struct net_model {
	const char *name;
	/* Whether it can join interfaces of this kind; NULL: all. */
	bool (*takes)(const struct scan_interface *interface);
	/*
	 * Joins; fills fds. What it makes has names by which part() finds it again. A failed join
	 * has left nothing.
	 */
	int (*join)(const struct net_place *place, struct joint *joint, struct err *err);
	/*
	 * Undoes the join, from this process or, after a crash, from another: of the joint only
	 * index, name and mac are known then, and any part may be gone already. The descriptors
	 * are closed by the caller before.
	 */
	int (*part)(const struct net_place *place, const struct joint *joint, struct err *err);
};

/* "tcfilter", "macvtap", "bridge"; NULL for an unknown name. */
const struct net_model *net_model_find(const char *name);
/* The names, for messages. */
#define NET_MODEL_NAMES "tcfilter, macvtap, bridge or none"
#define NET_MODEL_NONE	"none"

extern const struct net_model net_model_tcfilter, net_model_macvtap, net_model_bridge,
	net_model_tap;

#endif
