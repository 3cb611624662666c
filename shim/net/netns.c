/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces from outside. */
#include "shim/net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/nsfs.h>

int nl_err_set(struct err *err, int nl_error, const char *fmt, ...)
{
	static const struct {
		int nl_error, errnum;
	} known[] = {
		{ NLE_EXIST, EEXIST },
		{ NLE_BUSY, EBUSY },
		{ NLE_NOMEM, ENOMEM },
		{ NLE_PERM, EPERM },
		{ NLE_NOACCESS, EACCES },
		{ NLE_OBJ_NOTFOUND, ENOENT },
		{ NLE_NODEV, ENODEV },
		{ NLE_OPNOTSUPP, EOPNOTSUPP },
		{ NLE_AF_NOSUPPORT, EAFNOSUPPORT },
		{ NLE_RANGE, ERANGE },
	};
	char text[256];
	int errnum = EINVAL;
	va_list va;

	nl_error = nl_error < 0 ? -nl_error : nl_error;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i].nl_error == nl_error)
			errnum = known[i].errnum;
	va_start(va, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, va);
	va_end(va);
	return err_say(err, errnum, "%s: %s", text, nl_geterror(nl_error));
}

int netns_open(const char *path, int *ret_fd, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "cannot open the network namespace %s", path);
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET)
		return err_say(err, EINVAL, "%s is not a network namespace", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

struct visit {
	int netns_fd; /* -1: a new one */
	netns_fn *fn;
	void *ctx;
	struct err *err;
	int result;
};

static void *visit_main(void *arg)
{
	struct visit *visit = arg;
	int r = visit->netns_fd >= 0 ? setns(visit->netns_fd, CLONE_NEWNET) : unshare(CLONE_NEWNET);

	if (r < 0)
		visit->result = err_set(visit->err, errno, "cannot %s a network namespace",
					visit->netns_fd >= 0 ? "enter" : "make");
	else
		visit->result = visit->fn(visit->ctx, visit->err);
	return NULL;
}

int netns_do(int netns_fd, netns_fn *fn, void *ctx, struct err *err)
{
	struct visit visit = { .netns_fd = netns_fd, .fn = fn, .ctx = ctx, .err = err };
	pthread_t thread;
	int r = pthread_create(&thread, NULL, visit_main, &visit);

	if (r != 0)
		return err_set(err, r, "cannot start a thread");
	(void)pthread_join(thread, NULL);
	return visit.result;
}

static int set_loopback_up(void *ctx, struct err *err)
{
	struct ifreq request = { .ifr_name = "lo" };
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)ctx;
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return err_set(err, errno, "cannot look at the loopback interface");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return err_set(err, errno, "cannot set the loopback interface up");
	return 0;
}

int netns_loopback_up(int netns_fd, struct err *err)
{
	return netns_do(netns_fd, set_loopback_up, NULL, err);
}

static int open_own(void *ctx, struct err *err)
{
	int *fd = ctx;
	int r = set_loopback_up(NULL, err);

	if (r < 0)
		return r;
	*fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? err_set(err, errno, "cannot open the new network namespace") : 0;
}

int netns_new(int *ret_fd, struct err *err)
{
	return netns_do(-1, open_own, ret_fd, err);
}

static int connect_rtnl(void *ctx, struct err *err)
{
	struct nl_sock **sock = ctx;
	int r;

	*sock = nl_socket_alloc();
	if (!*sock)
		return err_set(err, ENOMEM, "cannot make a netlink socket");
	r = nl_connect(*sock, NETLINK_ROUTE);
	if (r == 0)
		return 0;
	nl_socket_free(*sock);
	*sock = NULL;
	return nl_err_set(err, r, "cannot make a netlink socket");
}

int netns_rtnl(int netns_fd, struct nl_sock **ret_sock, struct err *err)
{
	return netns_do(netns_fd, connect_rtnl, ret_sock, err);
}
