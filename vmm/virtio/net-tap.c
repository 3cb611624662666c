/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tap or macvtap as the other end of a queue pair. The kernel's header in front of each frame is
 * virtio's own (IFF_VNET_HDR), so checksums and segmentation are left to whoever needs them last.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "lib/fd.h"
#include "lib/syscalls.h"
#include "vmm/virtio/net-backend.h"

SYSCALLS(SYSCALL(SYSCALLS_IO, readv), SYSCALL(SYSCALLS_IO, writev),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TUNGETIFF),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TUNSETVNETHDRSZ),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TUNSETOFFLOAD),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TUNSETQUEUE));

/* Newer than the headers of some distributions (Linux 6.2). */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define BASIC_OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)
#define USO_OFFLOADS   (TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6)

static int set_offloads(int fd, unsigned offloads)
{
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0 ? -errno : 0;
}

static int tap_send(struct net_backend *tap, const struct net_frame *frame)
{
	ssize_t n;

	do
		n = writev(tap->fd, frame->iov, (int)frame->n_iov);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	return errno == EBADFD ? -ENETDOWN : -errno;
}

static int tap_flush(struct net_backend *tap)
{
	(void)tap;
	return 0;
}

static int receive_error(int errnum)
{
	switch (errnum) {
	case EAGAIN:
		return -EAGAIN;
	case EBADFD:
	case EIO:
		return -ENETDOWN;
	default:
		/* The frame is lost: for want of room for so much as its header, say. */
		return -EMSGSIZE;
	}
}

static ssize_t tap_receive(struct net_backend *tap, struct iovec *parts, unsigned n,
			   size_t room_bytes)
{
	uint8_t surplus;
	ssize_t got;

	/* The kernel cuts what is too long without a word; a byte behind the room tells. */
	parts[n] = (struct iovec){ &surplus, sizeof(surplus) };
	do
		got = readv(tap->fd, parts, (int)n + 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return receive_error(errno);
	return (size_t)got > room_bytes ? -EMSGSIZE : got;
}

static bool tap_is_midway(const struct net_backend *tap)
{
	(void)tap;
	return false;
}

static void tap_forget(struct net_backend *tap)
{
	(void)tap;
}

static int tap_set_offloads(struct net_backend *tap, uint64_t features)
{
	static const struct {
		uint64_t features;
		unsigned offload;
	} map[] = {
		{ NET_F_GUEST_CSUM, TUN_F_CSUM },
		{ NET_F_GUEST_TSO4, TUN_F_TSO4 },
		{ NET_F_GUEST_TSO6, TUN_F_TSO6 },
		{ NET_F_GUEST_ECN, TUN_F_TSO_ECN },
		/* The kernel has these only together. */
		{ NET_F_GUEST_USO4 | NET_F_GUEST_USO6, TUN_F_USO4 | TUN_F_USO6 },
	};
	unsigned offloads = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(map); i++)
		if ((features & map[i].features) == map[i].features)
			offloads |= map[i].offload;
	/* The kernel knows segmentation by the receiver only together with checksums. */
	return set_offloads(tap->fd, offloads & TUN_F_CSUM ? offloads : 0);
}

static int tap_enable(struct net_backend *tap, bool on)
{
	struct ifreq request = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(tap->fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

static void tap_free(struct net_backend *tap)
{
	cleanup_fd(&tap->fd);
	free(tap);
}

static const struct net_backend_ops tap_ops = {
	.send = tap_send,
	.flush = tap_flush,
	.receive = tap_receive,
	.is_midway = tap_is_midway,
	.forget = tap_forget,
	.set_offloads = tap_set_offloads,
	.enable = tap_enable,
	.free = tap_free,
};

/* What the kernel can do for frames of this tap. It leaves all of it off. */
static uint64_t probe(int fd)
{
	uint64_t features = 0;

	if (set_offloads(fd, BASIC_OFFLOADS) == 0)
		features |= NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN |
			    NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 |
			    NET_F_GUEST_ECN;
	if (features && set_offloads(fd, USO_OFFLOADS) == 0)
		features |= NET_F_HOST_USO | NET_F_GUEST_USO4 | NET_F_GUEST_USO6;
	(void)set_offloads(fd, 0);
	return features;
}

static int set_up(int fd, bool several, uint64_t *ret_features, struct err *err)
{
	int header_bytes = NET_HEADER_BYTES, r = fd_set_nonblock(fd, 1);
	struct ifreq request = { 0 };

	if (r < 0)
		return err_set(err, -r, "cannot use the tap's descriptor");
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return err_set(err, errno, "the descriptor is not that of a tap");
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_VNET_HDR))
		return err_say(err, EINVAL,
			       "interface %.*s was not made with IFF_TAP and IFF_VNET_HDR",
			       IFNAMSIZ, request.ifr_name);
	if (several && !(request.ifr_flags & IFF_MULTI_QUEUE))
		return err_say(err, EINVAL, "interface %.*s was not made with IFF_MULTI_QUEUE",
			       IFNAMSIZ, request.ifr_name);
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0)
		return err_set(err, errno, "cannot set the header of interface %.*s", IFNAMSIZ,
			       request.ifr_name);
	*ret_features = probe(fd);
	return 0;
}

int net_tap_new(const int *fds, unsigned n, struct net_backend **ret_backends, struct err *err)
{
	unsigned made = 0;
	int r = 0;

	for (unsigned i = 0; i < n; i++) {
		_cleanup_fd_ int fd = fds[i];
		uint64_t features = 0;
		struct net_backend *tap = NULL;

		/* The others' descriptors are closed all the same. */
		if (r == 0)
			r = set_up(fd, n > 1, &features, err);
		if (r < 0)
			continue;
		tap = calloc(1, sizeof(*tap));
		if (!tap) {
			r = err_set(err, ENOMEM, "cannot make a queue pair");
			continue;
		}
		*tap = (struct net_backend){ &tap_ops, TAKE_FD(fd), features };
		ret_backends[made++] = tap;
	}
	while (r < 0 && made > 0)
		tap_free(ret_backends[--made]);
	return r;
}
