/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model `macvtap`: a macvtap in passthru mode on top of the interface, with its MAC address.
 * The device that the VMM opens is found by sysfs, which shows only the namespace that it was
 * mounted in; so a thread in the pod's namespace mounts one for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <netlink/errno.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvtap.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <linux/if_tun.h>

#include "lib/fd.h"
#include "shim/net/netns.h"
#include "shim/net/tap.h"

static bool macvtap_takes(const struct scan_interface *interface)
{
	/* A macvtap on these would sit on the device below them, which is not the pod's. */
	return strcmp(interface->kind, "macvlan") != 0 && strcmp(interface->kind, "ipvlan") != 0 &&
	       strcmp(interface->kind, "macvtap") != 0 && strcmp(interface->kind, "bridge") != 0;
}

static int make_macvtap(const struct net_place *place, const char *name, int parent,
			const char *parent_name, struct err *err)
{
	struct rtnl_link *link = rtnl_link_macvtap_alloc();
	int r = -NLE_NOMEM;

	if (link) {
		rtnl_link_set_name(link, name);
		rtnl_link_set_link(link, parent);
		r = rtnl_link_macvtap_set_mode(link, rtnl_link_macvtap_str2mode("passthru"));
		if (r == 0)
			r = rtnl_link_add(place->sock, link, NLM_F_CREATE | NLM_F_EXCL);
		rtnl_link_put(link);
	}
	if (r == 0)
		return 0;
	(void)nl_err_set(err, r, "cannot put a macvtap on interface %s", parent_name);
	return err_hint(err, "it needs the kernel module macvtap, and an interface that nothing "
			     "else sits on");
}

struct opening {
	const char *name;
	int index;
	struct joint *joint;
};

/* In a mount namespace of this thread's own, that ends with it. */
static int read_device_number(const struct opening *opening, dev_t *ret_device, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char path[128];
	unsigned int major_number, minor_number;
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(err, errno, "cannot mount a sysfs of the pod's network");
	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/tap%d/dev", opening->name,
		       opening->index);
	r = file_read(AT_FDCWD, path, 64, &text, NULL, err);
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
		return err_say(err, EINVAL, "%s holds no device number", path);
	*ret_device = makedev(major_number, minor_number);
	return 0;
}

static int open_device(dev_t device, int *ret_fd, struct err *err)
{
	/* Of the thread's own as well; any mount point will do. */
	if (mount("tmpfs", "/sys", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,mode=0700") < 0 ||
	    mknod("/sys/tap", S_IFCHR | 0600, device) < 0)
		return err_set(err, errno, "cannot make the macvtap's device node");
	*ret_fd = open("/sys/tap", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return *ret_fd < 0 ? err_set(err, errno, "cannot open the macvtap's device") : 0;
}

static int open_macvtap(void *ctx, struct err *err)
{
	const struct opening *opening = ctx;
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	_cleanup_fd_ int fd = -1;
	dev_t device = 0;
	int r = read_device_number(opening, &device, err);

	if (r == 0)
		r = open_device(device, &fd, err);
	if (r < 0)
		return r;
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", opening->name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		return err_set(err, errno, "cannot set up the macvtap %s", opening->name);
	opening->joint->fds[0] = TAKE_FD(fd);
	opening->joint->n_fds = 1;
	return 0;
}

static int macvtap_part(const struct net_place *place, const struct joint *joint, struct err *err)
{
	char name[IFNAMSIZ];

	tap_name("mvt", joint->index, name);
	return tap_delete_link(place, name, err);
}

static int macvtap_join(const struct net_place *place, struct joint *joint, struct err *err)
{
	char name[IFNAMSIZ];
	struct opening opening = { .name = name, .joint = joint };
	int r;

	tap_name("mvt", joint->index, name);
	r = make_macvtap(place, name, joint->index, joint->name, err);
	if (r < 0)
		return r;
	opening.index = r = tap_set_up(place, name, joint->mtu, err);
	joint->n_queues = 1;
	if (r >= 0)
		r = netns_do(place->netns_fd, open_macvtap, &opening, err);
	if (r < 0)
		(void)!macvtap_part(place, joint, NULL);
	return r;
}

const struct net_model net_model_macvtap = {
	.name = "macvtap",
	.takes = macvtap_takes,
	.join = macvtap_join,
	.part = macvtap_part,
};
