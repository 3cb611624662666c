/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model `bridge`: a bridge in the pod's namespace with the interface and a tap as its ports.
 * The guest gets the interface's MAC address, so the interface gets another one meanwhile: a bridge
 * keeps frames for a port's own address to itself. The bridge does no ARP, or the host would answer
 * for the addresses that are still on the interface.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <netlink/addr.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "shim/net/netns.h"
#include "shim/net/tap.h"

static bool bridge_takes(const struct scan_interface *interface)
{
	/* These share their address or their frames with the device below: no port can be made of
	 * them. */
	return strcmp(interface->kind, "macvlan") != 0 && strcmp(interface->kind, "ipvlan") != 0 &&
	       strcmp(interface->kind, "bridge") != 0;
}

/*
 * With an ageing time of 0 it learns no address, and passes every frame to the other port. Else a
 * broadcast of the guest's that comes back (from a host's bridge in hairpin mode) would teach it
 * that the guest is outside.
 */
static int put_kind(struct nl_msg *msg)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *data;

	if (!info || nla_put_string(msg, IFLA_INFO_KIND, "bridge") < 0)
		return -NLE_NOMEM;
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	if (!data || nla_put_u32(msg, IFLA_BR_AGEING_TIME, 0) < 0)
		return -NLE_NOMEM;
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return 0;
}

static int make_bridge(const struct net_place *place, const char *name, uint32_t mtu,
		       struct err *err)
{
	struct rtnl_link *link = rtnl_link_alloc();
	struct nl_msg *msg = NULL;
	int r = -NLE_NOMEM;

	if (link) {
		rtnl_link_set_name(link, name);
		rtnl_link_set_mtu(link, mtu);
		rtnl_link_set_flags(link, IFF_NOARP);
		r = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
		rtnl_link_put(link);
	}
	if (r == 0)
		r = put_kind(msg);
	if (r == 0)
		/* Frees the message. */
		r = nl_send_sync(place->sock, TAKE_PTR(msg));
	nlmsg_free(msg);
	if (r == -NLE_EXIST)
		return err_say(err, EEXIST, "the bridge %s is there: another VM has its interface",
			       name);
	return r < 0 ? nl_err_set(err, r, "cannot make the bridge %s", name) : 0;
}

/* mac may be NULL; master 0 takes it out of its bridge. */
static int change_port(const struct net_place *place, int index, const uint8_t *mac, int master,
		       const char *name, struct err *err)
{
	struct rtnl_link *link = rtnl_link_alloc(), *change = rtnl_link_alloc();
	struct nl_addr *address = mac ? nl_addr_build(AF_LLC, mac, SCAN_MAC_BYTES) : NULL;
	int r = -NLE_NOMEM;

	if (link && change && (address || !mac)) {
		rtnl_link_set_ifindex(link, index);
		if (address)
			rtnl_link_set_addr(change, address);
		rtnl_link_set_master(change, master);
		r = rtnl_link_change(place->sock, link, change, 0);
	}
	if (address)
		nl_addr_put(address);
	if (change)
		rtnl_link_put(change);
	if (link)
		rtnl_link_put(link);
	return r < 0 ? nl_err_set(err, r, "cannot change interface %s", name) : 0;
}

static int random_mac(uint8_t ret_mac[SCAN_MAC_BYTES], struct err *err)
{
	if (getrandom(ret_mac, SCAN_MAC_BYTES, 0) != (ssize_t)SCAN_MAC_BYTES)
		return err_set(err, EIO, "cannot make up a MAC address");
	ret_mac[0] = (uint8_t)((ret_mac[0] & ~1u) | 2u);
	return 0;
}

static int bridge_part(const struct net_place *place, const struct joint *joint, struct err *err)
{
	char bridge[IFNAMSIZ];
	int r;

	tap_name("br", joint->index, bridge);
	/* The interface itself may be gone; its bridge is not. */
	(void)!change_port(place, joint->index, joint->mac, 0, joint->name, NULL);
	r = tap_delete_link(place, bridge, err);
	return r;
}

static int bridge_join(const struct net_place *place, struct joint *joint, struct err *err)
{
	char bridge[IFNAMSIZ], tap[IFNAMSIZ];
	uint8_t mac[SCAN_MAC_BYTES];
	int bridge_at, tap_at, r;

	tap_name("br", joint->index, bridge);
	tap_name("tap", joint->index, tap);
	r = make_bridge(place, bridge, joint->mtu, err);
	if (r < 0)
		return r;
	bridge_at = r = tap_set_up(place, bridge, 0, err);
	if (r >= 0)
		r = tap_open(place, tap, joint, err);
	if (r >= 0)
		tap_at = r = tap_set_up(place, tap, joint->mtu, err);
	if (r >= 0)
		r = change_port(place, tap_at, NULL, bridge_at, tap, err);
	if (r >= 0)
		r = random_mac(mac, err);
	if (r >= 0)
		r = change_port(place, joint->index, mac, bridge_at, joint->name, err);
	if (r < 0) {
		tap_close(joint);
		(void)!bridge_part(place, joint, NULL);
	}
	return r;
}

const struct net_model net_model_bridge = {
	.name = "bridge",
	.takes = bridge_takes,
	.join = bridge_join,
	.part = bridge_part,
};
