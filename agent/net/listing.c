/* SPDX-License-Identifier: Apache-2.0 */
/* What interfaces the VM has. */
#include "agent/net/listing.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>

#include "agent/net/netlink.h"

static void copy_counters(struct listing_row *row, const struct rtattr *attribute)
{
	struct rtnl_link_stats64 stats = { 0 };

	if (attribute)
		memcpy(&stats, RTA_DATA(attribute), MIN(sizeof(stats), RTA_PAYLOAD(attribute)));
	row->counters.name = row->name;
	row->counters.rx_bytes = stats.rx_bytes;
	row->counters.rx_packets = stats.rx_packets;
	row->counters.rx_errors = stats.rx_errors;
	row->counters.rx_dropped = stats.rx_dropped;
	row->counters.tx_bytes = stats.tx_bytes;
	row->counters.tx_packets = stats.tx_packets;
	row->counters.tx_errors = stats.tx_errors;
	row->counters.tx_dropped = stats.tx_dropped;
}

static int add_link(void *ctx, const struct nlmsghdr *header)
{
	struct listing *listing = ctx;
	const struct ifinfomsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[IFLA_MAX + 1];
	struct listing_row *row = &listing->rows[listing->response.n_entries];

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	if (listing->response.n_entries == LISTING_INTERFACES_MAX ||
	    info->ifi_flags & IFF_LOOPBACK || !attributes[IFLA_IFNAME])
		return 0;
	kata_like__agent__v1__list_interfaces_response__entry__init(&row->entry);
	kata_like__agent__v1__interface__init(&row->interface);
	kata_like__agent__v1__stats_container_response__network__init(&row->counters);
	(void)snprintf(row->name, sizeof(row->name), "%.15s",
		       (const char *)RTA_DATA(attributes[IFLA_IFNAME]));
	row->index = info->ifi_index;
	row->interface.name = row->name;
	row->interface.addresses = row->address_list;
	if (attributes[IFLA_MTU])
		row->interface.mtu = *(const uint32_t *)RTA_DATA(attributes[IFLA_MTU]);
	if (attributes[IFLA_ADDRESS]) {
		row->interface.mac.len =
			MIN(sizeof(row->mac), RTA_PAYLOAD(attributes[IFLA_ADDRESS]));
		row->interface.mac.data = row->mac;
		memcpy(row->mac, RTA_DATA(attributes[IFLA_ADDRESS]), row->interface.mac.len);
	}
	copy_counters(row, attributes[IFLA_STATS64]);
	row->entry.interface = &row->interface;
	row->entry.counters = &row->counters;
	row->entry.up = info->ifi_flags & IFF_UP;
	listing->entries[listing->response.n_entries++] = &row->entry;
	return 0;
}

static int add_address(void *ctx, const struct nlmsghdr *header)
{
	struct listing *listing = ctx;
	const struct ifaddrmsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[IFA_MAX + 1];
	const struct rtattr *local;

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	local = attributes[attributes[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS];
	for (size_t i = 0; local && i < listing->response.n_entries; i++) {
		struct listing_row *row = &listing->rows[i];
		size_t n = row->interface.n_addresses;
		KataLike__Agent__V1__InterfaceAddress *a = &row->addresses[n];

		if (row->index != (int)info->ifa_index || n == LISTING_ADDRESSES_MAX ||
		    RTA_PAYLOAD(local) > sizeof(row->address_bytes[n]))
			continue;
		kata_like__agent__v1__interface_address__init(a);
		memcpy(row->address_bytes[n], RTA_DATA(local), RTA_PAYLOAD(local));
		a->address = (ProtobufCBinaryData){ RTA_PAYLOAD(local), row->address_bytes[n] };
		a->prefix_len = info->ifa_prefixlen;
		a->scope = info->ifa_scope;
		row->address_list[row->interface.n_addresses++] = a;
	}
	return 0;
}

int listing_make(struct listing **ret_listing, struct err *err)
{
	_cleanup_(netlink_close) struct netlink netlink = NETLINK_NONE;
	_cleanup_free_ struct listing *listing = calloc(1, sizeof(*listing));
	int r = netlink_open(&netlink, err);

	if (r < 0)
		return r;
	if (!listing)
		return err_set(err, ENOMEM, "cannot list the interfaces");
	kata_like__agent__v1__list_interfaces_response__init(&listing->response);
	listing->response.entries = listing->entries;
	r = netlink_dump(&netlink, RTM_GETLINK, AF_UNSPEC, add_link, listing);
	if (r == 0)
		r = netlink_dump(&netlink, RTM_GETADDR, AF_UNSPEC, add_address, listing);
	if (r < 0)
		return err_set(err, -r, "cannot list the interfaces");
	*ret_listing = TAKE_PTR(listing);
	return 0;
}
