/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbours of an interface that somebody has set for good. */
#include <errno.h>
#include <string.h>

#include <linux/neighbour.h>

#include "agent/net/interface.h"

#define STALE_MAX 64

typedef KataLike__Agent__V1__InterfaceNeighbour neighbour;

struct stale {
	const struct link_info *link;
	const KataLike__Agent__V1__Interface *wanted;
	struct netlink_message *messages;
	size_t n;
};

static void add(struct netlink *netlink, const struct link_info *link, const neighbour *wanted,
		struct problems *problems)
{
	const struct ndmsg body = {
		.ndm_family = interface_family(&wanted->address),
		.ndm_ifindex = (int)link->index,
		.ndm_state = NUD_PERMANENT,
	};
	struct netlink_message message;
	char text[INTERFACE_TEXT_MAX];
	int r;

	netlink_begin(&message, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	netlink_put(&message, NDA_DST, wanted->address.data, wanted->address.len);
	netlink_put(&message, NDA_LLADDR, wanted->mac.data, wanted->mac.len);
	r = netlink_request(netlink, &message);
	if (r < 0)
		problems_add(problems, -r, "interface %s: neighbour %s", link->name,
			     interface_text(&wanted->address, text));
}

static int note_stale(void *ctx, const struct nlmsghdr *header)
{
	struct stale *stale = ctx;
	const struct ndmsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[NDA_MAX + 1];
	const struct rtattr *address;

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	address = attributes[NDA_DST];
	if (stale->n == STALE_MAX || info->ndm_ifindex != (int)stale->link->index || !address ||
	    info->ndm_state != NUD_PERMANENT)
		return 0;
	for (size_t i = 0; i < stale->wanted->n_neighbours; i++)
		if (interface_same(address, &stale->wanted->neighbours[i]->address))
			return 0;
	netlink_begin(&stale->messages[stale->n], RTM_DELNEIGH, 0, info, sizeof(*info));
	netlink_put(&stale->messages[stale->n++], NDA_DST, RTA_DATA(address), RTA_PAYLOAD(address));
	return 0;
}

void neighbours_set(struct netlink *netlink, const struct link_info *link,
		    const KataLike__Agent__V1__Interface *wanted, struct problems *problems)
{
	_cleanup_free_ struct netlink_message *messages = calloc(STALE_MAX, sizeof(*messages));
	struct stale stale = { .link = link, .wanted = wanted, .messages = messages };
	int r = messages ? netlink_dump(netlink, RTM_GETNEIGH, AF_UNSPEC, note_stale, &stale)
			 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < stale.n; i++)
		r = netlink_request(netlink, &messages[i]);
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot remove old neighbours",
			     link->name);
	for (size_t i = 0; i < wanted->n_neighbours; i++)
		add(netlink, link, wanted->neighbours[i], problems);
}
