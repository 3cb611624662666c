/* SPDX-License-Identifier: Apache-2.0 */
/* An interface of the VM as the shim wants it. */
#include "agent/net/interface.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define FIND_TIMEOUT_MS 3000

uint8_t interface_family(const ProtobufCBinaryData *address)
{
	return address->len == 4 ? AF_INET : address->len == 16 ? AF_INET6 : 0;
}

const char *interface_text(const ProtobufCBinaryData *address, char text[INTERFACE_TEXT_MAX])
{
	uint8_t family = interface_family(address);

	if (!family || !inet_ntop(family, address->data, text, INTERFACE_TEXT_MAX))
		(void)snprintf(text, INTERFACE_TEXT_MAX, "(%zu bytes)", address->len);
	return text;
}

bool interface_same(const struct rtattr *attribute, const ProtobufCBinaryData *bytes)
{
	static const uint8_t zeroes[16];

	if (!attribute)
		return bytes->len == 0 || (bytes->len <= sizeof(zeroes) &&
					   memcmp(bytes->data, zeroes, bytes->len) == 0);
	return RTA_PAYLOAD(attribute) == bytes->len &&
	       memcmp(RTA_DATA(attribute), bytes->data, bytes->len) == 0;
}

static bool prefix_is_right(const ProtobufCBinaryData *address, uint32_t prefix_len)
{
	return interface_family(address) && prefix_len <= 8 * address->len;
}

static bool is_none_or_like(const ProtobufCBinaryData *other, const ProtobufCBinaryData *address)
{
	return other->len == 0 || other->len == address->len;
}

static int check(const KataLike__Agent__V1__Interface *wanted, struct err *err)
{
	if (wanted->mac.len != LINK_MAC_BYTES)
		return err_say(err, EINVAL, "interface %s: no MAC address", wanted->name);
	for (size_t i = 0; i < wanted->n_addresses; i++) {
		const KataLike__Agent__V1__InterfaceAddress *a = wanted->addresses[i];

		if (!prefix_is_right(&a->address, a->prefix_len) ||
		    !is_none_or_like(&a->peer, &a->address) ||
		    !is_none_or_like(&a->broadcast, &a->address))
			return err_say(err, EINVAL, "interface %s: address %zu is malformed",
				       wanted->name, i);
	}
	for (size_t i = 0; i < wanted->n_routes; i++) {
		const KataLike__Agent__V1__InterfaceRoute *r = wanted->routes[i];

		/* An IPv4 route through an IPv6 gateway is none of what is set here. */
		if (!prefix_is_right(&r->destination, r->prefix_len) ||
		    !is_none_or_like(&r->gateway, &r->destination) ||
		    !is_none_or_like(&r->source, &r->destination))
			return err_say(err, EINVAL, "interface %s: route %zu is malformed",
				       wanted->name, i);
	}
	for (size_t i = 0; i < wanted->n_neighbours; i++) {
		const KataLike__Agent__V1__InterfaceNeighbour *n = wanted->neighbours[i];

		if (!interface_family(&n->address) || n->mac.len != LINK_MAC_BYTES)
			return err_say(err, EINVAL, "interface %s: neighbour %zu is malformed",
				       wanted->name, i);
	}
	return 0;
}

int interface_set(const KataLike__Agent__V1__Interface *wanted, struct problems *problems,
		  struct err *err)
{
	_cleanup_(netlink_close) struct netlink netlink = NETLINK_NONE;
	struct link_info link;
	int r = check(wanted, err);

	if (r == 0)
		r = netlink_open(&netlink, err);
	if (r == 0)
		r = link_find(&netlink, wanted->mac.data, FIND_TIMEOUT_MS, &link, err);
	if (r < 0)
		return r;
	link_set(&netlink, &link, wanted->name, wanted->mtu, problems);
	addresses_set(&netlink, &link, wanted, problems);
	routes_set(&netlink, &link, wanted, problems);
	neighbours_set(&netlink, &link, wanted, problems);
	return 0;
}

int interface_remove(const ProtobufCBinaryData *mac, struct err *err)
{
	_cleanup_(netlink_close) struct netlink netlink = NETLINK_NONE;
	struct link_info link;
	int r = netlink_open(&netlink, err);

	if (r == 0 && mac->len != LINK_MAC_BYTES)
		return err_say(err, EINVAL, "no MAC address");
	if (r == 0)
		r = link_find(&netlink, mac->data, 0, &link, err);
	return r < 0 ? r : link_let_go(&link, err);
}
