/* SPDX-License-Identifier: Apache-2.0 */
/* What a network namespace holds for the VM: each interface with all that is configured on it. */
#ifndef KATA_LIKE_SHIM_NET_SCAN_H
#define KATA_LIKE_SHIM_NET_SCAN_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/bytes.h"
#include "lib/err.h"

#define SCAN_INTERFACES_MAX 16
#define SCAN_ADDRESSES_MAX  32
#define SCAN_ROUTES_MAX	    128
#define SCAN_NEIGHBOURS_MAX 64
#define SCAN_MAC_BYTES	    6u
#define SCAN_KIND_MAX	    16

/* Devices of ours in the pod's namespace have names that begin so, and are not the pod's. */
#define SCAN_OWN_PREFIX "kl"

struct nl_sock;

/* Network byte order; len_bytes is 4, 16, or 0 for none. */
struct scan_ip {
	uint8_t bytes[16];
	uint8_t len_bytes;
};

struct scan_address {
	struct scan_ip address, peer, broadcast;
	uint8_t prefix_len, scope;
	bool dynamic; /* with a lifetime */
};

struct scan_route {
	struct scan_ip destination, gateway, source;
	uint8_t prefix_len, scope, type, protocol;
	bool on_link;
	uint32_t metric, mtu;
};

struct scan_neighbour {
	struct scan_ip address;
	uint8_t mac[SCAN_MAC_BYTES];
};

struct scan_interface {
	int index;
	char name[IFNAMSIZ];
	char kind[SCAN_KIND_MAX]; /* "veth", "macvlan", …; "" for a device */
	uint8_t mac[SCAN_MAC_BYTES];
	uint32_t mtu;
	size_t n_addresses, n_routes, n_neighbours;
	struct scan_address addresses[SCAN_ADDRESSES_MAX];
	struct scan_route routes[SCAN_ROUTES_MAX];
	struct scan_neighbour neighbours[SCAN_NEIGHBOURS_MAX];
};

struct scan {
	size_t n;
	struct scan_interface interfaces[SCAN_INTERFACES_MAX];
};

/*
 * Every Ethernet interface that is up, but those that are ports of a bridge (ours excepted: they
 * are joined already). -EOPNOTSUPP names what a VM cannot have: routes in other tables or with
 * several next hops, interfaces without ARP.
 * *ret_scan is the caller's, for free(3).
 */
int scan_make(struct nl_sock *sock, struct scan **ret_scan, struct err *err) _must_check_;

/* The interface as a packed kata_like.agent.v1.SetInterfaceRequest, behind what bytes holds. 0 or
 * -ENOMEM. */
int scan_pack(const struct scan_interface *interface, struct bytes *bytes) _must_check_;

#endif
