/* SPDX-License-Identifier: Apache-2.0 */
/* What a network namespace holds for the VM. */
#include "shim/net/scan.h"

#include <errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include "shim/net/netns.h"

static void cleanup_cache(struct nl_cache **cache)
{
	nl_cache_free(*cache);
}
#define _cleanup_cache_ _cleanup_(cleanup_cache)

/* "10.0.0.0/8" for messages. */
static const char *text_of(struct nl_addr *address, char *text, size_t size)
{
	return address ? nl_addr2str(address, text, size) : "?";
}

static struct scan_ip ip_of(struct nl_addr *address)
{
	struct scan_ip ip = { .len_bytes = 0 };
	unsigned int len = address ? nl_addr_get_len(address) : 0;

	if (len == 4 || len == 16) {
		memcpy(ip.bytes, nl_addr_get_binary_addr(address), len);
		ip.len_bytes = (uint8_t)len;
	}
	return ip;
}

static struct scan_interface *find(struct scan *scan, int index)
{
	for (size_t i = 0; i < scan->n; i++)
		if (scan->interfaces[i].index == index)
			return &scan->interfaces[i];
	return NULL;
}

/* --- Interfaces --- */

static bool has_address(struct nl_cache *addresses, int index)
{
	for (struct nl_object *o = nl_cache_get_first(addresses); o; o = nl_cache_get_next(o))
		if (rtnl_addr_get_ifindex((struct rtnl_addr *)o) == index)
			return true;
	return false;
}

static bool is_own(struct nl_cache *links, int index)
{
	struct rtnl_link *link = rtnl_link_get(links, index);
	bool own = link && strncmp(rtnl_link_get_name(link), SCAN_OWN_PREFIX, 2) == 0;

	if (link)
		rtnl_link_put(link);
	return own;
}

static int add_interface(struct scan *scan, struct rtnl_link *link, struct nl_cache *links,
			 struct nl_cache *addresses, struct err *err)
{
	struct scan_interface *interface = &scan->interfaces[scan->n];
	const char *name = rtnl_link_get_name(link), *kind = rtnl_link_get_type(link);
	unsigned int flags = rtnl_link_get_flags(link);
	struct nl_addr *mac = rtnl_link_get_addr(link);
	int index = rtnl_link_get_ifindex(link), master = rtnl_link_get_master(link);

	if (flags & IFF_LOOPBACK || !(flags & IFF_UP) ||
	    strncmp(name, SCAN_OWN_PREFIX, strlen(SCAN_OWN_PREFIX)) == 0 ||
	    (master > 0 && !is_own(links, master)))
		return 0;
	if (rtnl_link_get_arptype(link) != ARPHRD_ETHER || flags & IFF_NOARP || !mac ||
	    nl_addr_get_len(mac) != SCAN_MAC_BYTES) {
		if (!has_address(addresses, index))
			return 0;
		return err_say(
			err, EOPNOTSUPP,
			"interface %s (%s) is not an Ethernet interface with ARP, and cannot "
			"be joined to a VM",
			name, kind ? kind : "a device");
	}
	if (scan->n == SCAN_INTERFACES_MAX)
		return err_say(err, E2BIG, "more than %d interfaces; %s is one too many",
			       SCAN_INTERFACES_MAX, name);
	interface->index = index;
	(void)snprintf(interface->name, sizeof(interface->name), "%s", name);
	(void)snprintf(interface->kind, sizeof(interface->kind), "%s", kind ? kind : "");
	memcpy(interface->mac, nl_addr_get_binary_addr(mac), SCAN_MAC_BYTES);
	interface->mtu = rtnl_link_get_mtu(link);
	scan->n++;
	return 0;
}

/* --- What is on them --- */

static int add_address(struct scan *scan, struct rtnl_addr *addr, struct err *err)
{
	struct scan_interface *interface = find(scan, rtnl_addr_get_ifindex(addr));
	struct nl_addr *local = rtnl_addr_get_local(addr);
	struct scan_address *address;

	if (!interface || !local || rtnl_addr_get_flags(addr) & IFA_F_DADFAILED)
		return 0;
	if (interface->n_addresses == SCAN_ADDRESSES_MAX)
		return err_say(err, E2BIG, "interface %s has more than %d addresses",
			       interface->name, SCAN_ADDRESSES_MAX);
	address = &interface->addresses[interface->n_addresses++];
	address->address = ip_of(local);
	address->peer = ip_of(rtnl_addr_get_peer(addr));
	address->broadcast = ip_of(rtnl_addr_get_broadcast(addr));
	address->prefix_len = (uint8_t)rtnl_addr_get_prefixlen(addr);
	address->scope = (uint8_t)rtnl_addr_get_scope(addr);
	address->dynamic = !(rtnl_addr_get_flags(addr) & IFA_F_PERMANENT);
	return 0;
}

static int refuse_route(struct rtnl_route *route, const char *why, struct err *err)
{
	char text[64];

	return err_say(err, EOPNOTSUPP, "route %s %s, which a VM's network cannot have",
		       text_of(rtnl_route_get_dst(route), text, sizeof(text)), why);
}

static bool is_of_no_interest(struct rtnl_route *route)
{
	uint8_t type = rtnl_route_get_type(route);
	uint32_t table = rtnl_route_get_table(route);

	/* What the kernel makes by itself for each address, and each host that was talked to. */
	return table == RT_TABLE_LOCAL || type == RTN_LOCAL || type == RTN_BROADCAST ||
	       type == RTN_ANYCAST || type == RTN_MULTICAST ||
	       rtnl_route_get_flags(route) & RTM_F_CLONED ||
	       (type == RTN_UNREACHABLE && rtnl_route_get_priority(route) == UINT32_MAX);
}

static int add_route(struct scan *scan, struct rtnl_route *route, struct err *err)
{
	struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
	struct nl_addr *destination = rtnl_route_get_dst(route);
	struct scan_interface *interface;
	struct scan_route *out;
	uint32_t mtu = 0;
	char why[48];

	if (is_of_no_interest(route))
		return 0;
	interface = hop ? find(scan, rtnl_route_nh_get_ifindex(hop)) : NULL;
	if (hop && !interface)
		return 0;
	(void)snprintf(why, sizeof(why), "is in table %u", rtnl_route_get_table(route));
	if (rtnl_route_get_table(route) != RT_TABLE_MAIN)
		return refuse_route(route, why, err);
	if (!hop || !destination || rtnl_route_get_type(route) != RTN_UNICAST)
		return refuse_route(route, "goes to no interface", err);
	if (rtnl_route_get_nnexthops(route) > 1)
		return refuse_route(route, "has several next hops", err);
	if (rtnl_route_nh_get_via(hop))
		return refuse_route(route, "has a gateway of another address family", err);
	if (interface->n_routes == SCAN_ROUTES_MAX)
		return err_say(err, E2BIG, "interface %s has more than %d routes", interface->name,
			       SCAN_ROUTES_MAX);
	out = &interface->routes[interface->n_routes++];
	out->destination = ip_of(destination);
	/* A default route's destination has a family but no bytes. */
	if (out->destination.len_bytes == 0)
		out->destination.len_bytes = rtnl_route_get_family(route) == AF_INET6 ? 16 : 4;
	out->prefix_len = (uint8_t)nl_addr_get_prefixlen(destination);
	out->gateway = ip_of(rtnl_route_nh_get_gateway(hop));
	out->source = ip_of(rtnl_route_get_pref_src(route));
	out->scope = rtnl_route_get_scope(route);
	out->type = rtnl_route_get_type(route);
	out->protocol = rtnl_route_get_protocol(route);
	out->on_link = rtnl_route_nh_get_flags(hop) & RTNH_F_ONLINK;
	out->metric = rtnl_route_get_priority(route);
	if (rtnl_route_get_metric(route, RTAX_MTU, &mtu) == 0)
		out->mtu = mtu;
	return 0;
}

static int add_neighbour(struct scan *scan, struct rtnl_neigh *neighbour, struct err *err)
{
	struct scan_interface *interface = find(scan, rtnl_neigh_get_ifindex(neighbour));
	struct nl_addr *mac = rtnl_neigh_get_lladdr(neighbour);
	struct scan_ip address = ip_of(rtnl_neigh_get_dst(neighbour));
	struct scan_neighbour *out;

	if (!interface || rtnl_neigh_get_state(neighbour) != NUD_PERMANENT || !mac ||
	    nl_addr_get_len(mac) != SCAN_MAC_BYTES || address.len_bytes == 0)
		return 0;
	if (interface->n_neighbours == SCAN_NEIGHBOURS_MAX)
		return err_say(err, E2BIG, "interface %s has more than %d permanent neighbours",
			       interface->name, SCAN_NEIGHBOURS_MAX);
	out = &interface->neighbours[interface->n_neighbours++];
	out->address = address;
	memcpy(out->mac, nl_addr_get_binary_addr(mac), SCAN_MAC_BYTES);
	return 0;
}

static int scan_links(struct nl_sock *sock, struct scan *scan, struct nl_cache *addresses,
		      struct err *err)
{
	_cleanup_cache_ struct nl_cache *links = NULL;
	int r = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links);

	if (r < 0)
		return nl_err_set(err, r, "cannot list the interfaces");
	r = 0;
	for (struct nl_object *o = nl_cache_get_first(links); o && r == 0; o = nl_cache_get_next(o))
		r = add_interface(scan, (struct rtnl_link *)o, links, addresses, err);
	return r;
}

static int scan_routes(struct nl_sock *sock, struct scan *scan, struct err *err)
{
	_cleanup_cache_ struct nl_cache *routes = NULL, *neighbours = NULL;
	int r = rtnl_route_alloc_cache(sock, AF_UNSPEC, 0, &routes);

	if (r == 0)
		r = rtnl_neigh_alloc_cache(sock, &neighbours);
	if (r < 0)
		return nl_err_set(err, r, "cannot list the routes");
	for (struct nl_object *o = nl_cache_get_first(routes); o && r == 0;
	     o = nl_cache_get_next(o))
		r = add_route(scan, (struct rtnl_route *)o, err);
	for (struct nl_object *o = nl_cache_get_first(neighbours); o && r == 0;
	     o = nl_cache_get_next(o))
		r = add_neighbour(scan, (struct rtnl_neigh *)o, err);
	return r;
}

int scan_make(struct nl_sock *sock, struct scan **ret_scan, struct err *err)
{
	_cleanup_free_ struct scan *scan = calloc(1, sizeof(*scan));
	_cleanup_cache_ struct nl_cache *addresses = NULL;
	int r;

	if (!scan)
		return err_set(err, ENOMEM, "cannot look at the network");
	r = rtnl_addr_alloc_cache(sock, &addresses);
	if (r < 0)
		return nl_err_set(err, r, "cannot list the addresses");
	r = scan_links(sock, scan, addresses, err);
	for (struct nl_object *o = nl_cache_get_first(addresses); o && r == 0;
	     o = nl_cache_get_next(o))
		r = add_address(scan, (struct rtnl_addr *)o, err);
	if (r == 0 && scan->n > 0)
		r = scan_routes(sock, scan, err);
	if (r < 0)
		return r;
	*ret_scan = TAKE_PTR(scan);
	return 0;
}
