/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of virtio-net's control queue. */
#include "vmm/virtio/net-control.h"

#define CLASS_RX       0u
#define CLASS_MAC      1u
#define CLASS_MQ       4u
#define CLASS_OFFLOADS 5u

#define RX_PROMISCUOUS	 0u
#define RX_ALL_MULTICAST 1u
#define RX_ALL_UNICAST	 2u
#define RX_NO_MULTICAST	 3u
#define RX_NO_UNICAST	 4u
#define RX_NO_BROADCAST	 5u
#define MAC_TABLE_SET	 0u
#define MAC_ADDRESS_SET	 1u
#define MQ_PAIRS_SET	 0u
#define OFFLOADS_SET	 0u

struct command {
	uint8_t class, command;
} __attribute__((packed));

static bool data_is(const struct virtq_chain *chain, void *ret_data, uint32_t bytes)
{
	return chain->out_bytes == sizeof(struct command) + bytes &&
	       virtq_chain_read(chain, sizeof(struct command), ret_data, bytes);
}

static enum net_control_op parse_rx(const struct virtq_chain *chain, uint8_t command,
				    uint64_t features, struct net_filter *filter)
{
	bool *const switches[] = {
		[RX_PROMISCUOUS] = &filter->promiscuous,
		[RX_ALL_MULTICAST] = &filter->all_multicast,
		[RX_ALL_UNICAST] = &filter->all_unicast,
		[RX_NO_MULTICAST] = &filter->no_multicast,
		[RX_NO_UNICAST] = &filter->no_unicast,
		[RX_NO_BROADCAST] = &filter->no_broadcast,
	};
	uint64_t needed = command >= RX_ALL_UNICAST ? NET_F_CTRL_RX_EXTRA : NET_F_CTRL_RX;
	uint8_t on;

	if (command >= ARRAY_SIZE(switches) || !(features & needed) ||
	    !data_is(chain, &on, sizeof(on)))
		return NET_CONTROL_REFUSED;
	*switches[command] = on != 0;
	return NET_CONTROL_FILTER;
}

/*
 * Reads one table at *offset and steps behind it. A driver may list more addresses than are kept
 * here: *ret_all is set then.
 */
static bool read_table(const struct virtq_chain *chain, uint32_t *offset,
		       uint8_t table[][NET_MAC_BYTES], unsigned *ret_n, bool *ret_all)
{
	uint32_t n, left;

	if (!virtq_chain_read(chain, *offset, &n, sizeof(n)))
		return false;
	*offset += (uint32_t)sizeof(n);
	left = chain->out_bytes - *offset;
	if (n > left / NET_MAC_BYTES)
		return false;
	*ret_all = n > NET_FILTER_ADDRESSES_MAX;
	*ret_n = *ret_all ? 0 : n;
	if (*ret_n > 0 && !virtq_chain_read(chain, *offset, table, *ret_n * NET_MAC_BYTES))
		return false;
	*offset += n * NET_MAC_BYTES;
	return true;
}

static enum net_control_op parse_tables(const struct virtq_chain *chain, struct net_filter *filter)
{
	uint32_t offset = sizeof(struct command);
	bool all_unicast, all_multicast;

	if (!read_table(chain, &offset, filter->unicast, &filter->n_unicast, &all_unicast) ||
	    !read_table(chain, &offset, filter->multicast, &filter->n_multicast, &all_multicast) ||
	    offset != chain->out_bytes)
		return NET_CONTROL_REFUSED;
	filter->too_many_unicast = all_unicast;
	filter->too_many_multicast = all_multicast;
	return NET_CONTROL_FILTER;
}

static enum net_control_op parse_mac(const struct virtq_chain *chain, uint8_t command,
				     uint64_t features, struct net_filter *filter)
{
	if (command == MAC_TABLE_SET && (features & NET_F_CTRL_RX))
		return parse_tables(chain, filter);
	if (command == MAC_ADDRESS_SET && (features & NET_F_CTRL_MAC_ADDR) &&
	    data_is(chain, filter->mac, NET_MAC_BYTES))
		return NET_CONTROL_MAC;
	return NET_CONTROL_REFUSED;
}

static enum net_control_op parse_pairs(const struct virtq_chain *chain, uint8_t command,
				       uint64_t features, uint16_t max_pairs, uint16_t *ret_n)
{
	if (command != MQ_PAIRS_SET || !(features & NET_F_MQ) ||
	    !data_is(chain, ret_n, sizeof(*ret_n)) || *ret_n < 1 || *ret_n > max_pairs)
		return NET_CONTROL_REFUSED;
	return NET_CONTROL_PAIRS;
}

static enum net_control_op parse_offloads(const struct virtq_chain *chain, uint8_t command,
					  uint64_t features, uint64_t *ret_offloads)
{
	if (command != OFFLOADS_SET || !(features & NET_F_CTRL_OFFLOADS) ||
	    !data_is(chain, ret_offloads, sizeof(*ret_offloads)) ||
	    (*ret_offloads & ~(features & NET_F_GUEST_OFFLOADS)) != 0)
		return NET_CONTROL_REFUSED;
	return NET_CONTROL_OFFLOADS;
}

bool net_control_parse(const struct virtq_chain *chain, uint64_t features, uint16_t max_pairs,
		       const struct net_filter *filter, struct net_control *ret_control)
{
	struct command command;

	if (chain->in_bytes < 1 || !virtq_chain_read(chain, 0, &command, sizeof(command)))
		return false;
	ret_control->op = NET_CONTROL_REFUSED;
	ret_control->filter = *filter;
	if (command.class == CLASS_RX)
		ret_control->op = parse_rx(chain, command.command, features, &ret_control->filter);
	else if (command.class == CLASS_MAC)
		ret_control->op = parse_mac(chain, command.command, features, &ret_control->filter);
	else if (command.class == CLASS_MQ)
		ret_control->op = parse_pairs(chain, command.command, features, max_pairs,
					      &ret_control->n_pairs);
	else if (command.class == CLASS_OFFLOADS)
		ret_control->op =
			parse_offloads(chain, command.command, features, &ret_control->offloads);
	return true;
}
