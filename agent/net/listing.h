/* SPDX-License-Identifier: Apache-2.0 */
/* What interfaces the VM has, with their addresses and counters. */
#ifndef KATA_LIKE_AGENT_NET_LISTING_H
#define KATA_LIKE_AGENT_NET_LISTING_H

#include "agent.pb-c.h"
#include "lib/err.h"

#define LISTING_INTERFACES_MAX 32
#define LISTING_ADDRESSES_MAX  32

typedef KataLike__Agent__V1__ListInterfacesResponse__Entry listing_entry;

struct listing_row {
	listing_entry entry;
	KataLike__Agent__V1__Interface interface;
	KataLike__Agent__V1__StatsContainerResponse__Network counters;
	KataLike__Agent__V1__InterfaceAddress addresses[LISTING_ADDRESSES_MAX],
		*address_list[LISTING_ADDRESSES_MAX];
	uint8_t address_bytes[LISTING_ADDRESSES_MAX][16];
	uint8_t mac[32];
	char name[16];
	int index;
};

/* A message with all that it points to. */
struct listing {
	KataLike__Agent__V1__ListInterfacesResponse response;
	listing_entry *entries[LISTING_INTERFACES_MAX];
	struct listing_row rows[LISTING_INTERFACES_MAX];
};

/* All but lo. Freed by free(3). */
int listing_make(struct listing **ret_listing, struct err *err) _must_check_;

#endif
