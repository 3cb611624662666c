/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the kernel's network configuration, rtnetlink(7): a message is put together in a
 * buffer of its own, sent, and answered before the call returns. (A library for it would make the
 * agent half as large again.)
 */
#ifndef KATA_LIKE_AGENT_NET_NETLINK_H
#define KATA_LIKE_AGENT_NET_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "lib/err.h"

#define NETLINK_MESSAGE_MAX 1024u

struct netlink {
	int fd;
	uint32_t sequence;
};

#define NETLINK_NONE ((struct netlink){ .fd = -1 })

struct netlink_message {
	union {
		struct nlmsghdr header;
		uint8_t bytes[NETLINK_MESSAGE_MAX];
	};
	bool overflow; /* something did not fit: sending fails with -EMSGSIZE */
};

/* A socket in the network namespace of the caller. */
int netlink_open(struct netlink *ret_netlink, struct err *err) _must_check_;
/* Fine on NETLINK_NONE. */
void netlink_close(struct netlink *netlink);

/* Begins a message whose fixed part (struct ifinfomsg and its like) is body. */
void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *body,
		   size_t body_len);
void netlink_put(struct netlink_message *message, uint16_t attribute, const void *data, size_t len);
void netlink_put_u32(struct netlink_message *message, uint16_t attribute, uint32_t value);
/* An attribute that holds the ones put until netlink_nest_end(), which takes what this returns. */
size_t netlink_nest(struct netlink_message *message, uint16_t attribute);
void netlink_nest_end(struct netlink_message *message, size_t nest);

/* Sends it and waits for the kernel's answer: 0 or -errno. */
int netlink_request(struct netlink *netlink, struct netlink_message *message) _must_check_;

/* One message of a dump; a negative result ends it. */
typedef int netlink_each_fn(void *ctx, const struct nlmsghdr *header);
/* Asks for all objects of a kind (RTM_GET*). 0, what fn gave, or -errno. */
int netlink_dump(struct netlink *netlink, uint16_t type, uint8_t family, netlink_each_fn *fn,
		 void *ctx) _must_check_;

/*
 * Sorts the attributes behind a fixed part of body_len bytes by their number into an array of n
 * pointers into the message; NULL where there is none. -EBADMSG for a message that is cut off.
 */
int netlink_parse(const struct nlmsghdr *header, size_t body_len, const struct rtattr **attributes,
		  size_t n) _must_check_;

#endif
