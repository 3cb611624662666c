/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's network devices themselves. */
#include "agent/net/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include <linux/if_link.h>

#include "lib/fd.h"

#define FIND_INTERVAL_MS 10

struct search {
	const uint8_t *mac; /* or */
	const char *name;
	struct link_info *ret_link;
	bool found;
};

static int look_at(void *ctx, const struct nlmsghdr *header)
{
	struct search *search = ctx;
	const struct ifinfomsg *info = NLMSG_DATA(header);
	const struct rtattr *attributes[IFLA_MAX + 1];
	const struct rtattr *mac, *name, *mtu;

	if (netlink_parse(header, sizeof(*info), attributes, ARRAY_SIZE(attributes)) < 0)
		return -EBADMSG;
	mac = attributes[IFLA_ADDRESS];
	name = attributes[IFLA_IFNAME];
	mtu = attributes[IFLA_MTU];
	if (search->found || !name || !mtu || RTA_PAYLOAD(name) > IFNAMSIZ)
		return 0;
	/* What is made by software names its kind; a device has none. */
	if (search->mac &&
	    (!mac || RTA_PAYLOAD(mac) != LINK_MAC_BYTES || attributes[IFLA_LINKINFO] ||
	     memcmp(RTA_DATA(mac), search->mac, LINK_MAC_BYTES) != 0))
		return 0;
	if (search->name && strncmp(RTA_DATA(name), search->name, IFNAMSIZ) != 0)
		return 0;
	*search->ret_link = (struct link_info){
		.index = (uint32_t)info->ifi_index,
		.mtu = *(const uint32_t *)RTA_DATA(mtu),
		.up = info->ifi_flags & IFF_UP,
	};
	memcpy(search->ret_link->name, RTA_DATA(name), RTA_PAYLOAD(name));
	search->ret_link->name[IFNAMSIZ - 1] = '\0';
	if (search->mac)
		memcpy(search->ret_link->mac, search->mac, LINK_MAC_BYTES);
	search->found = true;
	return 0;
}

int link_find(struct netlink *netlink, const uint8_t mac[LINK_MAC_BYTES], int wait_ms,
	      struct link_info *ret_link, struct err *err)
{
	const struct timespec interval = { .tv_nsec = FIND_INTERVAL_MS * 1000000L };
	struct search search = { .mac = mac, .ret_link = ret_link };
	int64_t deadline_ms = clock_monotonic_ms() + wait_ms;
	bool rescanned = false;

	for (;;) {
		int r = netlink_dump(netlink, RTM_GETLINK, AF_UNSPEC, look_at, &search);

		if (r < 0)
			return err_set(err, -r, "cannot list the interfaces");
		if (search.found)
			return 0;
		if (clock_monotonic_ms() >= deadline_ms)
			return err_say(
				err, ENODEV,
				"the VM has no interface with MAC %02x:%02x:%02x:%02x:%02x:%02x",
				mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
		/* A device that was plugged in while we ran waits for the bus to be scanned. */
		if (!rescanned && file_poke(AT_FDCWD, "/sys/bus/pci/rescan", "1") < 0)
			deadline_ms = 0;
		rescanned = true;
		nanosleep(&interval, NULL);
	}
}

static void begin_change(struct netlink_message *message, uint32_t index, bool up)
{
	const struct ifinfomsg body = {
		.ifi_index = (int)index,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};

	netlink_begin(message, RTM_NEWLINK, 0, &body, sizeof(body));
}

static int rename_link(struct netlink *netlink, uint32_t index, const char *name)
{
	struct netlink_message message;

	begin_change(&message, index, false);
	netlink_put(&message, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_request(netlink, &message);
}

/* Another device's turn for that name comes, or it has none to keep. */
static int make_way(struct netlink *netlink, const char *name)
{
	struct link_info other;
	struct search search = { .name = name, .ret_link = &other };
	char new_name[IFNAMSIZ];
	int r = netlink_dump(netlink, RTM_GETLINK, AF_UNSPEC, look_at, &search);

	if (r < 0 || !search.found)
		return r;
	(void)snprintf(new_name, sizeof(new_name), "was-eth%u", other.index % 1000000u);
	return rename_link(netlink, other.index, new_name);
}

static void set_name(struct netlink *netlink, struct link_info *link, const char *name,
		     struct problems *problems)
{
	int r = strlen(name) < IFNAMSIZ ? make_way(netlink, name) : -ENAMETOOLONG;

	if (r == 0)
		r = rename_link(netlink, link->index, name);
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot rename %s", name, link->name);
	else
		(void)snprintf(link->name, sizeof(link->name), "%s", name);
}

/* Else the kernel makes a link-local address of its own, and probes it before it is of use. */
static int leave_ipv6_to_us(struct netlink *netlink, const struct link_info *link)
{
	const uint8_t none = IN6_ADDR_GEN_MODE_NONE;
	struct netlink_message message;
	size_t families, inet6;
	int r;

	begin_change(&message, link->index, link->up);
	families = netlink_nest(&message, IFLA_AF_SPEC);
	inet6 = netlink_nest(&message, AF_INET6);
	netlink_put(&message, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	netlink_nest_end(&message, inet6);
	netlink_nest_end(&message, families);
	r = netlink_request(netlink, &message);
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

void link_set(struct netlink *netlink, struct link_info *link, const char *name, uint32_t mtu,
	      struct problems *problems)
{
	struct netlink_message message;
	int r;

	if (*name && strcmp(name, link->name) != 0) {
		set_name(netlink, link, name, problems);
		link->up = false;
	}
	r = leave_ipv6_to_us(netlink, link);
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot set how IPv6 addresses are made",
			     link->name);
	if (mtu && mtu != link->mtu) {
		begin_change(&message, link->index, link->up);
		netlink_put_u32(&message, IFLA_MTU, mtu);
		r = netlink_request(netlink, &message);
		if (r < 0)
			problems_add(problems, -r, "interface %s: cannot set MTU %u", link->name,
				     mtu);
	}
	if (link->up)
		return;
	begin_change(&message, link->index, true);
	r = netlink_request(netlink, &message);
	if (r < 0)
		problems_add(problems, -r, "interface %s: cannot set it up", link->name);
}

int link_let_go(const struct link_info *link, struct err *err)
{
	char path[64 + IFNAMSIZ];
	int r;

	/* The network device's device is the virtio one, and that one's parent the PCI function. */
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/device/../remove", link->name);
	r = file_poke(AT_FDCWD, path, "1");
	return r < 0 ? err_set(err, -r, "cannot let go of interface %s", link->name) : 0;
}
