/* SPDX-License-Identifier: Apache-2.0 */
/* Requests by rtnetlink(7). */
#include "agent/net/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel makes the pieces of a dump no larger than this while the reader's buffer is. */
#define RECEIVE_BYTES 32768u

int netlink_open(struct netlink *ret_netlink, struct err *err)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return err_set(err, errno, "cannot talk to the kernel's network configuration");
	*ret_netlink = (struct netlink){ .fd = TAKE_FD(fd), .sequence = 1 };
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->fd >= 0)
		close(netlink->fd);
	netlink->fd = -1;
}

static void *extend(struct netlink_message *message, size_t len)
{
	size_t at = NLMSG_ALIGN(message->header.nlmsg_len);

	if (len > sizeof(message->bytes) - at) {
		message->overflow = true;
		return NULL;
	}
	message->header.nlmsg_len = (uint32_t)(at + len);
	return message->bytes + at;
}

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags, const void *body,
		   size_t body_len)
{
	void *at;

	memset(message, 0, sizeof(*message));
	message->header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_HDRLEN,
		.nlmsg_type = type,
		.nlmsg_flags = flags | NLM_F_REQUEST | NLM_F_ACK,
	};
	at = extend(message, body_len);
	if (at)
		memcpy(at, body, body_len);
}

void netlink_put(struct netlink_message *message, uint16_t attribute, const void *data, size_t len)
{
	struct rtattr *at = extend(message, RTA_LENGTH(len));

	if (!at)
		return;
	*at = (struct rtattr){ .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = attribute };
	if (len > 0)
		memcpy(RTA_DATA(at), data, len);
}

void netlink_put_u32(struct netlink_message *message, uint16_t attribute, uint32_t value)
{
	netlink_put(message, attribute, &value, sizeof(value));
}

size_t netlink_nest(struct netlink_message *message, uint16_t attribute)
{
	size_t at = NLMSG_ALIGN(message->header.nlmsg_len);

	netlink_put(message, attribute, NULL, 0);
	return at;
}

void netlink_nest_end(struct netlink_message *message, size_t nest)
{
	struct rtattr *at = (void *)(message->bytes + nest);

	if (!message->overflow)
		at->rta_len = (uint16_t)(message->header.nlmsg_len - nest);
}

static int send_message(struct netlink *netlink, struct netlink_message *message)
{
	ssize_t n;

	if (message->overflow)
		return -EMSGSIZE;
	message->header.nlmsg_seq = ++netlink->sequence;
	do {
		n = send(netlink->fd, message->bytes, message->header.nlmsg_len, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* 1: more is to come, 0: the end, negative: the end and the error. */
static int take(const struct netlink *netlink, const struct nlmsghdr *header, netlink_each_fn *fn,
		void *ctx)
{
	const struct nlmsgerr *error = NLMSG_DATA(header);
	int r;

	/* What is left of a dump that was given up. */
	if (header->nlmsg_seq != netlink->sequence)
		return 1;
	switch (header->nlmsg_type) {
	case NLMSG_ERROR:
		return header->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ? -EBADMSG : error->error;
	case NLMSG_DONE:
		return 0;
	case NLMSG_NOOP:
		return 1;
	default:
		r = fn ? fn(ctx, header) : 0;
		return r < 0 ? r : 1;
	}
}

static int receive(struct netlink *netlink, netlink_each_fn *fn, void *ctx)
{
	_cleanup_free_ uint8_t *buffer = malloc(RECEIVE_BYTES);

	if (!buffer)
		return -ENOMEM;
	for (;;) {
		const struct nlmsghdr *header = (const void *)buffer;
		ssize_t n = recv(netlink->fd, buffer, RECEIVE_BYTES, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (size_t left = (size_t)n; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			int r = take(netlink, header, fn, ctx);

			if (r <= 0)
				return r;
		}
	}
}

int netlink_request(struct netlink *netlink, struct netlink_message *message)
{
	int r = send_message(netlink, message);

	return r < 0 ? r : receive(netlink, NULL, NULL);
}

int netlink_dump(struct netlink *netlink, uint16_t type, uint8_t family, netlink_each_fn *fn,
		 void *ctx)
{
	/* Each kind's fixed part begins with the family, and zeroes ask for everything. */
	const union {
		uint8_t family;
		struct ifinfomsg link;
		struct rtmsg route;
	} body = { .family = family };
	struct netlink_message message;
	int r;

	netlink_begin(&message, type, NLM_F_DUMP, &body,
		      type == RTM_GETLINK ? sizeof(body.link) : sizeof(body.route));
	message.header.nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	r = send_message(netlink, &message);
	return r < 0 ? r : receive(netlink, fn, ctx);
}

int netlink_parse(const struct nlmsghdr *header, size_t body_len, const struct rtattr **attributes,
		  size_t n)
{
	const struct rtattr *at;
	size_t left;

	memset(attributes, 0, n * sizeof(const struct rtattr *));
	if (header->nlmsg_len < NLMSG_LENGTH(body_len))
		return -EBADMSG;
	at = (const void *)((const uint8_t *)NLMSG_DATA(header) + NLMSG_ALIGN(body_len));
	left = header->nlmsg_len - MIN(header->nlmsg_len, NLMSG_SPACE(body_len));
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
		size_t type = at->rta_type & NLA_TYPE_MASK;

		if (type < n)
			attributes[type] = at;
	}
	return 0;
}
