/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of an interface. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "agent/net/interface.h"
#include "lib/fd.h"

#define STALE_MAX 64

typedef KataLike__Agent__V1__InterfaceAddress address;

/* Addresses that are there and not wanted, each as the message that removes it. */
struct stale {
	const struct link_info *link;
	const KataLike__Agent__V1__Interface *wanted;
	struct netlink_message *messages;
	size_t n;
};

/* The interface's own end is IFA_LOCAL where there is one: IFA_ADDRESS is then the peer. */
static void put_address(struct netlink_message *message, const address *a)
{
	const ProtobufCBinaryData *remote = a->peer.len ? &a->peer : &a->address;

	netlink_put(message, IFA_LOCAL, a->address.data, a->address.len);
	netlink_put(message, IFA_ADDRESS, remote->data, remote->len);
}

static void add(struct netlink *netlink, const struct link_info *link, const address *a,
		struct problems *problems)
{
	const struct ifaddrmsg body = {
		.ifa_family = interface_family(&a->address),
		.ifa_prefixlen = (uint8_t)a->prefix_len,
		.ifa_scope = (uint8_t)a->scope,
		.ifa_index = link->index,
	};
	struct netlink_message message;
	char text[INTERFACE_TEXT_MAX];
	int r;

	netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	put_address(&message, a);
	if (a->broadcast.len)
		netlink_put(&message, IFA_BROADCAST, a->broadcast.data, a->broadcast.len);
	/* The host has found out that it is unique; and its prefix's route comes with the routes.
	 */
	netlink_put_u32(&message, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE | IFA_F_PERMANENT);
	r = netlink_request(netlink, &message);
	if (r < 0)
		problems_add(problems, -r, "interface %s: address %s/%u", link->name,
			     interface_text(&a->address, text), a->prefix_len);
}

static bool is_wanted(const struct stale *stale, const struct ifaddrmsg *info,
		      const struct rtattr *local)
{
	for (size_t i = 0; i < stale->wanted->n_addresses; i++) {
		const address *a = stale->wanted->addresses[i];

		if (interface_family(&a->address) == info->ifa_family &&
		    a->prefix_len == info->ifa_prefixlen && interface_same(local, &a->address))
			return true;
	}
	return false;
}

static int note_stale(void *ctx, const struct nlmsghdr *header)
{
	struct stale *stale = ctx;
	const struct ifaddrmsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[IFA_MAX + 1];
	const struct rtattr *local;

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	local = attributes[attributes[IFA_LOCAL] ? IFA_LOCAL : IFA_ADDRESS];
	if (info->ifa_index != stale->link->index || !local || stale->n == STALE_MAX ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
	    is_wanted(stale, info, local))
		return 0;
	netlink_begin(&stale->messages[stale->n], RTM_DELADDR, 0, info, sizeof(*info));
	netlink_put(&stale->messages[stale->n++], IFA_LOCAL, RTA_DATA(local), RTA_PAYLOAD(local));
	return 0;
}

/*
 * With an IPv6 address that somebody set on the host all addresses and routes are set there: what a
 * router, or somebody who plays one, advertises adds none.
 */
static void heed_advertisements(const struct link_info *link,
				const KataLike__Agent__V1__Interface *wanted,
				struct problems *problems)
{
	char path[64 + IFNAMSIZ];
	bool given = false;
	int r;

	for (size_t i = 0; i < wanted->n_addresses; i++) {
		const address *a = wanted->addresses[i];

		given |= interface_family(&a->address) == AF_INET6 &&
			 a->scope == RT_SCOPE_UNIVERSE && !a->dynamic;
	}
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", link->name);
	r = file_poke(AT_FDCWD, path, given ? "0" : "1");
	if (r < 0 && r != -ENOENT)
		problems_add(problems, -r, "interface %s: cannot set accept_ra", link->name);
}

void addresses_set(struct netlink *netlink, const struct link_info *link,
		   const KataLike__Agent__V1__Interface *wanted, struct problems *problems)
{
	_cleanup_free_ struct netlink_message *messages = calloc(STALE_MAX, sizeof(*messages));
	struct stale stale = { .link = link, .wanted = wanted, .messages = messages };
	int r = messages ? netlink_dump(netlink, RTM_GETADDR, AF_UNSPEC, note_stale, &stale)
			 : -ENOMEM;

	heed_advertisements(link, wanted, problems);
	for (size_t i = 0; r == 0 && i < stale.n; i++)
		r = netlink_request(netlink, &messages[i]);
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot remove old addresses", link->name);
	for (size_t i = 0; i < wanted->n_addresses; i++)
		add(netlink, link, wanted->addresses[i], problems);
}
