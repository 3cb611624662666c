/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that something changed in a network namespace. */
#include "shim/net/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "lib/fd.h"
#include "shim/net/netns.h"

/* Whoever makes an interface does so in several steps; they are taken together. */
#define QUIET_MS   60
#define AT_MOST_MS 400

struct watch {
	int fd;
	struct loop_source *source, *timer;
	loop_fn *changed;
	void *ctx;
	int64_t first_ms; /* of the changes not yet told; 0: there are none */
};

static void settled(void *ctx)
{
	struct watch *watch = ctx;

	watch->first_ms = 0;
	watch->changed(watch->ctx);
}

static void event_ready(void *ctx, int fd, uint32_t events)
{
	struct watch *watch = ctx;
	int64_t now_ms = clock_monotonic_ms(), left_ms;
	char buffer[8192];
	bool any = false;

	(void)events;
	/* What it was is found out by looking; ENOBUFS says that some were lost, no more. */
	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		any = true;
	if (!any)
		return;
	if (watch->first_ms == 0)
		watch->first_ms = now_ms;
	left_ms = watch->first_ms + AT_MOST_MS - now_ms;
	loop_timer_arm(watch->timer, left_ms < 0 ? 0 : MIN(left_ms, (int64_t)QUIET_MS));
}

static int open_socket(void *ctx, struct err *err)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
			     RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
	};
	int *ret_fd = ctx;
	_cleanup_fd_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot listen for changes of the pod's network");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int watch_new(struct loop *loop, int netns_fd, loop_fn *changed, void *ctx,
	      struct watch **ret_watch, struct err *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return err_set(err, ENOMEM, "cannot listen for changes of the pod's network");
	*watch = (struct watch){ .fd = -1, .changed = changed, .ctx = ctx };
	r = netns_do(netns_fd, open_socket, &watch->fd, err);
	if (r == 0 &&
	    (loop_add_timer(loop, settled, watch, &watch->timer) < 0 ||
	     loop_add_fd(loop, watch->fd, EPOLLIN, event_ready, watch, &watch->source) < 0))
		r = err_set(err, ENOMEM, "cannot listen for changes of the pod's network");
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	*ret_watch = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	loop_source_free(watch->source);
	loop_source_free(watch->timer);
	cleanup_fd(&watch->fd);
	free(watch);
}
