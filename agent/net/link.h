/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's network devices themselves: finding one by its MAC address, naming it, letting it go. */
#ifndef KATA_LIKE_AGENT_NET_LINK_H
#define KATA_LIKE_AGENT_NET_LINK_H

#include <net/if.h>

#include "agent/net/netlink.h"
#include "agent/net/problems.h"

#define LINK_MAC_BYTES 6u

struct link_info {
	uint32_t index;
	char name[IFNAMSIZ];
	uint8_t mac[LINK_MAC_BYTES];
	uint32_t mtu;
	bool up;
};

/*
 * The device with this MAC address; of those that a container has put on top of it, which may have
 * the same, none. Waits up to wait_ms for one that was plugged in just now. -ENODEV.
 */
int link_find(struct netlink *netlink, const uint8_t mac[LINK_MAC_BYTES], int wait_ms,
	      struct link_info *ret_link, struct err *err) _must_check_;

/*
 * Names the device, sets its MTU (0: leaves it) and sets it up. IPv6 addresses come only from
 * who configures it. Whatever else has the name is renamed.
 */
void link_set(struct netlink *netlink, struct link_info *link, const char *name, uint32_t mtu,
	      struct problems *problems);

/* Takes the device's driver off, so that the VMM can unplug it. */
int link_let_go(const struct link_info *link, struct err *err) _must_check_;

#endif
