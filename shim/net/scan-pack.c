/* SPDX-License-Identifier: Apache-2.0 */
/* An interface as the message that the agent gets. */
#include <errno.h>

#include "agent.pb-c.h"
#include "shim/net/scan.h"

/* The message's parts, which point at each other and into the interface. */
struct parts {
	KataLike__Agent__V1__SetInterfaceRequest request;
	KataLike__Agent__V1__Interface interface;
	KataLike__Agent__V1__InterfaceAddress addresses[SCAN_ADDRESSES_MAX],
		*address_list[SCAN_ADDRESSES_MAX];
	KataLike__Agent__V1__InterfaceRoute routes[SCAN_ROUTES_MAX], *route_list[SCAN_ROUTES_MAX];
	KataLike__Agent__V1__InterfaceNeighbour neighbours[SCAN_NEIGHBOURS_MAX],
		*neighbour_list[SCAN_NEIGHBOURS_MAX];
};

static ProtobufCBinaryData data_of(const struct scan_ip *ip)
{
	return (ProtobufCBinaryData){ ip->len_bytes, (uint8_t *)(uintptr_t)ip->bytes };
}

static void fill_addresses(const struct scan_interface *interface, struct parts *parts)
{
	for (size_t i = 0; i < interface->n_addresses; i++) {
		const struct scan_address *from = &interface->addresses[i];
		KataLike__Agent__V1__InterfaceAddress *to = &parts->addresses[i];

		kata_like__agent__v1__interface_address__init(to);
		to->address = data_of(&from->address);
		to->peer = data_of(&from->peer);
		to->broadcast = data_of(&from->broadcast);
		to->prefix_len = from->prefix_len;
		to->scope = from->scope;
		to->dynamic = from->dynamic;
		parts->address_list[i] = to;
	}
	parts->interface.n_addresses = interface->n_addresses;
	parts->interface.addresses = parts->address_list;
}

static void fill_routes(const struct scan_interface *interface, struct parts *parts)
{
	for (size_t i = 0; i < interface->n_routes; i++) {
		const struct scan_route *from = &interface->routes[i];
		KataLike__Agent__V1__InterfaceRoute *to = &parts->routes[i];

		kata_like__agent__v1__interface_route__init(to);
		to->destination = data_of(&from->destination);
		to->gateway = data_of(&from->gateway);
		to->source = data_of(&from->source);
		to->prefix_len = from->prefix_len;
		to->scope = from->scope;
		to->type = from->type;
		to->protocol = from->protocol;
		to->on_link = from->on_link;
		to->metric = from->metric;
		to->mtu = from->mtu;
		parts->route_list[i] = to;
	}
	parts->interface.n_routes = interface->n_routes;
	parts->interface.routes = parts->route_list;
}

static void fill_neighbours(const struct scan_interface *interface, struct parts *parts)
{
	for (size_t i = 0; i < interface->n_neighbours; i++) {
		const struct scan_neighbour *from = &interface->neighbours[i];
		KataLike__Agent__V1__InterfaceNeighbour *to = &parts->neighbours[i];

		kata_like__agent__v1__interface_neighbour__init(to);
		to->address = data_of(&from->address);
		to->mac = (ProtobufCBinaryData){ SCAN_MAC_BYTES, (uint8_t *)(uintptr_t)from->mac };
		parts->neighbour_list[i] = to;
	}
	parts->interface.n_neighbours = interface->n_neighbours;
	parts->interface.neighbours = parts->neighbour_list;
}

int scan_pack(const struct scan_interface *interface, struct bytes *bytes)
{
	_cleanup_free_ struct parts *parts = calloc(1, sizeof(*parts));
	size_t len;
	uint8_t *room;

	if (!parts)
		return -ENOMEM;
	kata_like__agent__v1__set_interface_request__init(&parts->request);
	kata_like__agent__v1__interface__init(&parts->interface);
	parts->request.interface = &parts->interface;
	parts->interface.name = (char *)(uintptr_t)interface->name;
	parts->interface.mac =
		(ProtobufCBinaryData){ SCAN_MAC_BYTES, (uint8_t *)(uintptr_t)interface->mac };
	parts->interface.mtu = interface->mtu;
	fill_addresses(interface, parts);
	fill_routes(interface, parts);
	fill_neighbours(interface, parts);
	len = kata_like__agent__v1__set_interface_request__get_packed_size(&parts->request);
	room = bytes_reserve(bytes, len);
	if (!room)
		return -ENOMEM;
	bytes_commit(bytes,
		     kata_like__agent__v1__set_interface_request__pack(&parts->request, room));
	return 0;
}
