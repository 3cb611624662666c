/* SPDX-License-Identifier: Apache-2.0 */
/* The routes over an interface, all in the main table. */
#include <errno.h>
#include <string.h>

#include "agent/net/interface.h"

#define STALE_MAX 128

typedef KataLike__Agent__V1__InterfaceRoute route;

struct stale {
	const struct link_info *link;
	const KataLike__Agent__V1__Interface *wanted;
	struct netlink_message *messages;
	size_t n;
};

static uint32_t u32_of(const struct rtattr *attribute)
{
	return attribute ? *(const uint32_t *)RTA_DATA(attribute) : 0;
}

static int add(struct netlink *netlink, const struct link_info *link, const route *wanted)
{
	const struct rtmsg body = {
		.rtm_family = interface_family(&wanted->destination),
		.rtm_dst_len = (uint8_t)wanted->prefix_len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = (uint8_t)wanted->protocol,
		.rtm_scope = (uint8_t)wanted->scope,
		.rtm_type = (uint8_t)wanted->type,
		.rtm_flags = wanted->on_link ? RTNH_F_ONLINK : 0,
	};
	struct netlink_message message;

	netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	netlink_put_u32(&message, RTA_OIF, link->index);
	if (wanted->prefix_len)
		netlink_put(&message, RTA_DST, wanted->destination.data, wanted->destination.len);
	if (wanted->gateway.len)
		netlink_put(&message, RTA_GATEWAY, wanted->gateway.data, wanted->gateway.len);
	if (wanted->source.len)
		netlink_put(&message, RTA_PREFSRC, wanted->source.data, wanted->source.len);
	if (wanted->metric)
		netlink_put_u32(&message, RTA_PRIORITY, wanted->metric);
	if (wanted->mtu) {
		size_t metrics = netlink_nest(&message, RTA_METRICS);

		netlink_put_u32(&message, RTAX_MTU, wanted->mtu);
		netlink_nest_end(&message, metrics);
	}
	return netlink_request(netlink, &message);
}

static bool is_wanted(const struct stale *stale, const struct rtmsg *info,
		      const struct rtattr **attributes)
{
	for (size_t i = 0; i < stale->wanted->n_routes; i++) {
		const route *wanted = stale->wanted->routes[i];

		if (interface_family(&wanted->destination) == info->rtm_family &&
		    wanted->prefix_len == info->rtm_dst_len &&
		    interface_same(attributes[RTA_DST], &wanted->destination) &&
		    interface_same(attributes[RTA_GATEWAY], &wanted->gateway) &&
		    wanted->metric == u32_of(attributes[RTA_PRIORITY]))
			return true;
	}
	return false;
}

static int note_stale(void *ctx, const struct nlmsghdr *header)
{
	static const uint16_t key[] = { RTA_DST, RTA_GATEWAY, RTA_OIF, RTA_PRIORITY };
	struct stale *stale = ctx;
	const struct rtmsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[RTA_MAX + 1];
	struct netlink_message *message = &stale->messages[stale->n];

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	if (stale->n == STALE_MAX || info->rtm_table != RT_TABLE_MAIN ||
	    info->rtm_flags & RTM_F_CLONED ||
	    (info->rtm_family != AF_INET && info->rtm_family != AF_INET6) ||
	    u32_of(attributes[RTA_OIF]) != stale->link->index || is_wanted(stale, info, attributes))
		return 0;
	netlink_begin(message, RTM_DELROUTE, 0, info, sizeof(*info));
	for (size_t i = 0; i < ARRAY_SIZE(key); i++)
		if (attributes[key[i]])
			netlink_put(message, key[i], RTA_DATA(attributes[key[i]]),
				    RTA_PAYLOAD(attributes[key[i]]));
	stale->n++;
	return 0;
}

static void remove_stale(struct netlink *netlink, const struct link_info *link,
			 const KataLike__Agent__V1__Interface *wanted, struct problems *problems)
{
	_cleanup_free_ struct netlink_message *messages = calloc(STALE_MAX + 1, sizeof(*messages));
	struct stale stale = { .link = link, .wanted = wanted, .messages = messages };
	int r = messages ? netlink_dump(netlink, RTM_GETROUTE, AF_UNSPEC, note_stale, &stale)
			 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < stale.n; i++) {
		r = netlink_request(netlink, &messages[i]);
		/* With the address that was its source it has gone already. */
		if (r == -ESRCH)
			r = 0;
	}
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot remove old routes", link->name);
}

/* What a gateway is reached by comes before the routes that go through it. */
static int turn_of(const route *wanted)
{
	return wanted->gateway.len == 0 ? 0 : wanted->on_link ? 1 : 2;
}

void routes_set(struct netlink *netlink, const struct link_info *link,
		const KataLike__Agent__V1__Interface *wanted, struct problems *problems)
{
	char destination[INTERFACE_TEXT_MAX], gateway[INTERFACE_TEXT_MAX];

	remove_stale(netlink, link, wanted, problems);
	for (int turn = 0; turn <= 2; turn++) {
		for (size_t i = 0; i < wanted->n_routes; i++) {
			const route *one = wanted->routes[i];
			int r = turn_of(one) == turn ? add(netlink, link, one) : 0;

			if (r < 0)
				problems_add(
					problems, -r, "interface %s: route %s/%u%s%s", link->name,
					interface_text(&one->destination, destination),
					one->prefix_len, one->gateway.len ? " via " : "",
					one->gateway.len ? interface_text(&one->gateway, gateway)
							 : "");
		}
	}
}
