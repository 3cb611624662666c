/* SPDX-License-Identifier: Apache-2.0 */
/* An interface of the VM as the shim wants it: its addresses, routes and neighbours. */
#ifndef KATA_LIKE_AGENT_NET_INTERFACE_H
#define KATA_LIKE_AGENT_NET_INTERFACE_H

#include "agent.pb-c.h"
#include "agent/net/link.h"

/*
 * Makes it so: adds what is wanted and not there, removes what is there and not wanted. What could
 * not be done goes to problems. Fails, before it has changed anything, for a message that makes no
 * sense (-EINVAL) and when no such device is there (-ENODEV).
 */
int interface_set(const KataLike__Agent__V1__Interface *wanted, struct problems *problems,
		  struct err *err) _must_check_;

/* Lets go of the device with this MAC address. -ENODEV. */
int interface_remove(const ProtobufCBinaryData *mac, struct err *err) _must_check_;

/* Each part of interface_set(), for an interface that is up. */
void addresses_set(struct netlink *netlink, const struct link_info *link,
		   const KataLike__Agent__V1__Interface *wanted, struct problems *problems);
void routes_set(struct netlink *netlink, const struct link_info *link,
		const KataLike__Agent__V1__Interface *wanted, struct problems *problems);
void neighbours_set(struct netlink *netlink, const struct link_info *link,
		    const KataLike__Agent__V1__Interface *wanted, struct problems *problems);

/* AF_INET or AF_INET6 by the length of an address, 0 for any other length. */
uint8_t interface_family(const ProtobufCBinaryData *address);
/* "10.0.0.1", for messages; returns text. */
#define INTERFACE_TEXT_MAX 48
const char *interface_text(const ProtobufCBinaryData *address, char text[INTERFACE_TEXT_MAX]);
/* Whether an attribute holds these bytes; an absent one is the same as no bytes, or zeroes. */
bool interface_same(const struct rtattr *attribute, const ProtobufCBinaryData *bytes);

#endif
