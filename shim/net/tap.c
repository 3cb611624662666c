/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps and other devices that the models are built from; and the model `tap`, for an interface that
 * is a tap already: the VM simply has its other end.
 */
#include "shim/net/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet6.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>

#include "shim/net/netns.h"

#define TUN_DEVICE "/dev/net/tun"

void tap_name(const char *what, int index, char ret_name[IFNAMSIZ])
{
	(void)snprintf(ret_name, IFNAMSIZ, SCAN_OWN_PREFIX "%s%d", what, index);
}

void tap_close(struct joint *joint)
{
	for (size_t i = 0; i < joint->n_fds; i++) {
		cleanup_fd(&joint->fds[i]);
		joint->fds[i] = -1;
	}
	joint->n_fds = 0;
}

struct opening {
	const char *name;
	struct joint *joint;
};

static int open_queue(const char *name, bool multi_queue, int *ret_fd, struct err *err)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	_cleanup_fd_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		(void)err_set(err, errno, "cannot open " TUN_DEVICE);
		return err_hint(err, "networking needs the kernel's tun driver (modprobe tun)");
	}
	if (multi_queue)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return errno == EBUSY
			       ? err_say(err, EBUSY, "the tap %s is in use by another VM", name)
			       : err_set(err, errno, "cannot open the tap %s", name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_queues(void *ctx, struct err *err)
{
	const struct opening *opening = ctx;
	struct joint *joint = opening->joint;

	while (joint->n_fds < joint->n_queues) {
		int r = open_queue(opening->name, joint->n_queues > 1, &joint->fds[joint->n_fds],
				   err);

		if (r < 0) {
			tap_close(joint);
			return r;
		}
		joint->n_fds++;
	}
	return 0;
}

int tap_open(const struct net_place *place, const char *name, struct joint *joint, struct err *err)
{
	struct opening opening = { name, joint };

	return netns_do(place->netns_fd, open_queues, &opening, err);
}

static void cleanup_link(struct rtnl_link **link)
{
	if (*link)
		rtnl_link_put(*link);
}
#define _cleanup_link_ _cleanup_(cleanup_link)

int tap_index(const struct net_place *place, const char *name, struct err *err)
{
	_cleanup_link_ struct rtnl_link *link = NULL;
	int r = rtnl_link_get_kernel(place->sock, 0, name, &link);

	if (r < 0)
		return err_say(err, ENODEV, "device %s: %s", name, nl_geterror(r));
	return rtnl_link_get_ifindex(link);
}

int tap_set_up(const struct net_place *place, const char *name, uint32_t mtu, struct err *err)
{
	_cleanup_link_ struct rtnl_link *link = NULL, *change = rtnl_link_alloc();
	int r = rtnl_link_get_kernel(place->sock, 0, name, &link);

	if (r < 0 || !change)
		return err_say(err, ENODEV, "device %s: %s", name, nl_geterror(r));
	/* A frame of its own on the wire would come from nobody. Without IPv6 there is none. */
	(void)rtnl_link_inet6_set_addr_gen_mode(change, IN6_ADDR_GEN_MODE_NONE);
	(void)rtnl_link_change(place->sock, link, change, 0);
	rtnl_link_put(change);
	change = rtnl_link_alloc();
	if (!change)
		return err_set(err, ENOMEM, "cannot set up %s", name);
	if (mtu)
		rtnl_link_set_mtu(change, mtu);
	rtnl_link_set_flags(change, IFF_UP);
	r = rtnl_link_change(place->sock, link, change, 0);
	if (r < 0)
		return nl_err_set(err, r, "cannot set up the device %s with MTU %u", name, mtu);
	return rtnl_link_get_ifindex(link);
}

int tap_delete_link(const struct net_place *place, const char *name, struct err *err)
{
	_cleanup_link_ struct rtnl_link *link = rtnl_link_alloc();
	int r;

	if (!link)
		return err_set(err, ENOMEM, "cannot remove the device %s", name);
	rtnl_link_set_name(link, name);
	r = rtnl_link_delete(place->sock, link);
	if (r == 0 || r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND)
		return 0;
	return nl_err_set(err, r, "cannot remove the device %s", name);
}

/* --- The model `tap` --- */

static int tap_join(const struct net_place *place, struct joint *joint, struct err *err)
{
	/* It was made with one queue or with several, and can only be opened the same way. */
	joint->n_queues = 1;
	return tap_open(place, joint->name, joint, err);
}

static int tap_part(const struct net_place *place, const struct joint *joint, struct err *err)
{
	(void)place;
	(void)joint;
	(void)err;
	return 0;
}

const struct net_model net_model_tap = {
	.name = "tap",
	.join = tap_join,
	.part = tap_part,
};
