/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio-vsock device: moves bytes between the guest's queues and host sockets.
 *
 * Theory of operation
 *
 * Queues: 0 carries packets to the guest (rx), 1 packets from it (tx), 2 events, of which there are
 * none. Each connection has one stream socket on the host: one end of a pair whose other end went
 * over the link (the guest asked), or one that came over the link or from a CONNECT client (the
 * host asked).
 *
 * Guest to host. A tx chain's payload goes from guest memory straight into the socket; what the
 * socket does not take is kept (vsock-connection.h says how much) and EPOLLOUT is watched. The tx
 * queue is thus never blocked by a slow host: the guest stops when its credit is used up.
 *
 * Host to guest. A socket is watched for EPOLLIN only while the guest has room. One that is
 * readable joins the queue of ready connections, as do those that owe the guest a packet. The pump
 * takes them in turn: one packet owed, or one read of as many bytes as fit into several receive
 * buffers at once, straight into guest memory. Buffers that stayed empty are put back.
 *
 * No spinning. Without receive buffers the pump stops until the driver notifies us of new ones;
 * ready connections wait in their queue, unwatched. A socket that nobody would read is not watched
 * at all, as EPOLLHUP cannot be masked. Each call does a bounded amount of work and has itself
 * called again for the rest.
 *
 * Memory. What the guest is owed is a set of bits in each connection. RSTs for packets that belong
 * to none are kept in a small ring; while that is full, the tx queue waits
 * (virtio 1.2, 5.10.6.1.1).
 *
 * Threads. Sockets, sources and connections belong to the I/O thread. activate() and reset() come
 * from vCPU threads: they leave a note and write `wake`, and everything here that runs next obeys
 * the note first (catch_up). Queues are used under the device lock only, and never between reset
 * and activate.
 */
#include "vmm/virtio/vsock.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/syscalls.h"
#include "proto/vsock-link.h"
#include "vmm/virtio/vsock-connection.h"
#include "vmm/virtio/vsock-packet.h"
#include "vmm/virtio/vsock-pump.h"
#include "vmm/virtio/vsock-table.h"
#include "vmm/virtio/vsock-uds.h"

SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN, socketpair, 0, SYSCALL_IS, AF_UNIX));

#define VIRTIO_ID_VSOCK	      19
#define VIRTIO_VSOCK_F_STREAM (1ull << 0)

enum {
	QUEUE_RX,
	QUEUE_TX,
	QUEUE_EVENT,
	N_QUEUES,
};

/* Work for one call, in chains and link messages. */
#define TX_BUDGET   256u
#define LINK_BUDGET 16u

struct vsock {
	struct virtio_device dev;
	uint64_t guest_cid;
	int64_t connect_timeout_ms, close_timeout_ms;

	bool stale; /* reset() ran and the connections of before are still there */
	int wake_fd;
	struct loop_source *wake_source;
	bool started; /* link and CONNECT clients are served */
	int link_fd;
	struct loop_source *link_source;
	int uds_listen_fd; /* until attach() */
	struct vsock_uds *uds;

	struct vsock_table table;
	struct vsock_connection *touched; /* to be settled before the call ends */
	struct vsock_pump pump;
	bool tx_waits; /* for the pump to have room for RSTs */

	struct loop_source *timer;
	int64_t timer_due_ms; /* INT64_MAX: not armed */
};

static void on_connection(void *ctx, int fd, uint32_t events);
static void on_link(void *ctx, int fd, uint32_t events);

static struct vsock *vsock_of(struct virtio_device *dev)
{
	return CONTAINER_OF(dev, struct vsock, dev);
}

static void lock(struct vsock *v)
{
	pthread_mutex_lock(v->dev.lock);
}

static void unlock(struct vsock *v)
{
	pthread_mutex_unlock(v->dev.lock);
}

static void complain(struct vsock *v, const char *what)
{
	uint32_t suppressed = 0;

	if (ratelimit_allow(&v->dev.complaints, clock_monotonic_ms(), &suppressed))
		log_warn("vsock: %s (%u more not logged)", what, suppressed);
}

/* Something happened to conn. Its watch and its deadline follow in settle(), before the call ends.
 */
static void touch(struct vsock *v, struct vsock_connection *conn)
{
	/* A guest may use the ports again at once. */
	if (conn->state == VSOCK_LINGERING || conn->state == VSOCK_DEAD)
		vsock_table_hide(&v->table, conn);
	if (vsock_connection_is_ready(conn))
		vsock_pump_enqueue(&v->pump, conn);
	if (conn->touched)
		return;
	conn->touched = true;
	conn->touched_next = v->touched;
	v->touched = conn;
}

static void on_served(void *ctx, struct vsock_connection *conn)
{
	touch(ctx, conn);
}

static void destroy(struct vsock *v, struct vsock_connection *conn)
{
	vsock_pump_dequeue(&v->pump, conn);
	vsock_table_remove(&v->table, conn);
	loop_source_free(conn->source);
	vsock_connection_free(conn);
}

/* Has fd watched for what conn waits for. */
static int watch(struct vsock *v, struct vsock_connection *conn)
{
	int events = vsock_connection_events(conn);
	int r = 0;

	if (events < 0) {
		loop_source_free(TAKE_PTR(conn->source));
		return 0;
	}
	if (conn->source && conn->watched == (uint32_t)events)
		return 0;
	if (conn->source)
		r = loop_source_set_events(conn->source, (uint32_t)events);
	else
		r = loop_add_fd(v->dev.loop, conn->fd, (uint32_t)events, on_connection, conn,
				&conn->source);
	conn->watched = (uint32_t)events;
	return r;
}

static void arm_timer(struct vsock *v, int64_t due_ms)
{
	if (due_ms >= v->timer_due_ms)
		return;
	v->timer_due_ms = due_ms;
	loop_timer_arm(v->timer, MAX(due_ms - clock_monotonic_ms(), 0));
}

/* A state that waits for the guest gets a deadline when it begins. */
static void set_deadline(struct vsock *v, struct vsock_connection *conn)
{
	if (conn->state == conn->timed_state)
		return;
	conn->timed_state = conn->state;
	conn->deadline_ms = INT64_MAX;
	if (conn->state == VSOCK_REQUESTED)
		conn->deadline_ms = clock_monotonic_ms() + v->connect_timeout_ms;
	else if (conn->state == VSOCK_CLOSING || conn->state == VSOCK_RESETTING)
		conn->deadline_ms = clock_monotonic_ms() + v->close_timeout_ms;
	arm_timer(v, conn->deadline_ms);
}

static void settle(struct vsock *v)
{
	while (v->touched) {
		struct vsock_connection *conn = v->touched;

		v->touched = conn->touched_next;
		conn->touched = false;
		if (conn->state != VSOCK_DEAD && watch(v, conn) < 0) {
			log_error("vsock: cannot watch a connection");
			vsock_connection_expire(conn);
			touch(v, conn);
			continue;
		}
		if (conn->state == VSOCK_DEAD)
			destroy(v, conn);
		else
			set_deadline(v, conn);
	}
}

/* Start and stop, in the I/O thread. */

static void start(struct vsock *v)
{
	v->started = true;
	if (v->link_fd >= 0 &&
	    loop_add_fd(v->dev.loop, v->link_fd, EPOLLIN, on_link, v, &v->link_source) < 0)
		log_error("vsock: cannot watch the link");
	if (v->uds)
		vsock_uds_start(v->uds);
}

/* The guest is gone: its connections end, but what it sent is still delivered. */
static void stop(struct vsock *v)
{
	vsock_pump_clear(&v->pump);
	for (struct vsock_connection *conn = v->table.all; conn; conn = conn->all_next) {
		if (conn->state != VSOCK_LINGERING)
			vsock_connection_orphan(conn);
		touch(v, conn);
	}
	settle(v);
	v->tx_waits = false;
	loop_source_free(TAKE_PTR(v->link_source));
	if (v->uds)
		vsock_uds_stop(v->uds);
	v->started = false;
}

/* Obeys what a vCPU thread asked for meanwhile. True if there is a guest to serve. */
static bool catch_up(struct vsock *v)
{
	if (v->stale || !v->dev.active) {
		if (v->started)
			stop(v);
		v->stale = false;
	}
	if (v->dev.active && !v->started)
		start(v);
	return v->dev.active;
}

/* Ends every call that may have left work behind. */
static void finish(struct vsock *v)
{
	if (v->dev.active) {
		vsock_pump_run(&v->pump);
		virtio_device_signal(&v->dev, QUEUE_RX);
		virtio_device_signal(&v->dev, QUEUE_TX);
	}
	settle(v);
	if (v->tx_waits && vsock_pump_has_room(&v->pump)) {
		v->tx_waits = false;
		virtio_device_kick(&v->dev, QUEUE_TX);
	}
	if (!v->dev.active && v->started)
		stop(v);
}

static void on_connection(void *ctx, _unused_ int fd, uint32_t events)
{
	struct vsock_connection *conn = ctx;
	struct vsock *v = conn->owner;

	lock(v);
	if (v->stale) {
		catch_up(v); /* may have freed conn */
	} else {
		vsock_connection_handle(conn, events);
		touch(v, conn);
	}
	finish(v);
	unlock(v);
}

static void on_timer(void *ctx)
{
	struct vsock *v = ctx;
	int64_t now_ms = clock_monotonic_ms();

	lock(v);
	v->timer_due_ms = INT64_MAX;
	catch_up(v);
	for (struct vsock_connection *conn = v->table.all; conn; conn = conn->all_next) {
		if (conn->deadline_ms > now_ms) {
			arm_timer(v, conn->deadline_ms);
			continue;
		}
		vsock_connection_expire(conn);
		touch(v, conn);
	}
	finish(v);
	unlock(v);
}

/* New connections. */

static void add_connection(struct vsock *v, struct vsock_connection *conn)
{
	conn->owner = v;
	conn->timed_state = VSOCK_DEAD;
	conn->deadline_ms = INT64_MAX;
	vsock_table_add(&v->table, conn);
	touch(v, conn);
}

/* The host wants port of the guest on fd, which is ours. Closing it refuses. */
static void connect_guest(struct vsock *v, uint32_t port, int fd, bool announce)
{
	struct vsock_connection *conn;

	if (!v->dev.active || vsock_table_is_full(&v->table)) {
		close(fd);
		return;
	}
	conn = vsock_connection_new_host(v->guest_cid, port, vsock_table_host_port(&v->table, port),
					 fd, vsock_table_buffer(&v->table));
	if (!conn)
		return;
	conn->announce = announce;
	add_connection(v, conn);
}

/* The guest wants a port of the host: the other end of a new pair goes over the link. */
static bool connect_host(struct vsock *v, const struct vsock_header *request)
{
	struct vsock_link_message message = { .port = request->dst_port };
	struct vsock_connection *conn;
	int pair[2], r;

	if (v->link_fd < 0 || vsock_table_is_full(&v->table))
		return false;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		complain(v, "no descriptors for a connection of the guest's");
		return false;
	}
	r = fd_send(v->link_fd, &message, sizeof(message), &pair[1], 1);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		complain(v, "the link does not take a connection of the guest's");
		return false;
	}
	conn = vsock_connection_new_guest(request, pair[0], vsock_table_buffer(&v->table));
	if (!conn)
		return false;
	add_connection(v, conn);
	return true;
}

static void on_link(void *ctx, int fd, uint32_t events)
{
	struct vsock *v = ctx;

	lock(v);
	for (unsigned i = 0; i < LINK_BUDGET && catch_up(v) && v->link_source; i++) {
		uint8_t bytes[sizeof(struct vsock_link_message) + 1];
		struct vsock_link_message message;
		int fds[2];
		size_t n_fds = ARRAY_SIZE(fds);
		ssize_t n = fd_recv(fd, bytes, sizeof(bytes), fds, &n_fds);

		if (n == -EAGAIN)
			break;
		if (n < 0 || (n == 0 && n_fds == 0 && (events & EPOLLHUP))) {
			/* The shim is gone, which others here notice as well. Connections go on. */
			loop_source_free(TAKE_PTR(v->link_source));
			close(TAKE_FD(v->link_fd));
			break;
		}
		if (n == (ssize_t)sizeof(message) && n_fds == 1) {
			memcpy(&message, bytes, sizeof(message));
			connect_guest(v, message.port, fds[0], false);
			continue;
		}
		log_warn("vsock: a malformed message on the link");
		while (n_fds > 0)
			close(fds[--n_fds]);
	}
	finish(v);
	unlock(v);
}

static void on_uds_connect(void *ctx, uint32_t port, int fd)
{
	struct vsock *v = ctx;

	lock(v);
	catch_up(v);
	connect_guest(v, port, fd, true);
	finish(v);
	unlock(v);
}

/* Guest to host. */

/* The pump has room for a RST. */
static void handle_packet(struct vsock *v, const struct virtq_chain *chain)
{
	struct vsock_packet packet;
	const struct vsock_header *header = &packet.header;
	struct vsock_connection *conn;

	switch (vsock_packet_parse(chain, v->guest_cid, &packet)) {
	case 0:
		break;
	case VSOCK_E_REFUSED:
		vsock_pump_refuse(&v->pump, header);
		return;
	case VSOCK_E_FORGED:
		complain(v, "the guest sent a packet in another's name");
		return;
	default:
		complain(v, "the guest sent a malformed packet");
		return;
	}
	conn = vsock_table_find(&v->table, header->src_port, header->dst_port);
	if (conn) {
		vsock_connection_recv(conn, &packet);
		touch(v, conn);
	} else if (header->op != VSOCK_OP_REQUEST || !connect_host(v, header)) {
		vsock_pump_refuse(&v->pump, header);
	}
}

static void drain_tx(struct vsock *v)
{
	struct virtq *vq = &v->dev.queues[QUEUE_TX];
	struct virtq_chain chain;

	for (unsigned i = 0; i < TX_BUDGET; i++) {
		int r;

		if (!vsock_pump_has_room(&v->pump))
			vsock_pump_run(&v->pump);
		if (!v->dev.active)
			return;
		if (!vsock_pump_has_room(&v->pump)) {
			v->tx_waits = true;
			return;
		}
		r = virtq_pop(vq, &chain);
		if (r == VIRTQ_E_EMPTY && virtq_arm(vq, true))
			r = virtq_pop(vq, &chain);
		if (r == VIRTQ_E_EMPTY)
			return;
		if (r == VIRTQ_E_BROKEN) {
			virtio_device_broken(&v->dev, vq->broken);
			return;
		}
		handle_packet(v, &chain);
		if (virtq_push(vq, chain.head, 0) != 0) {
			virtio_device_broken(&v->dev, "a transmit queue that went away");
			return;
		}
	}
	virtio_device_kick(&v->dev, QUEUE_TX);
}

/* The device's operations. */

static void vsock_notify(struct virtio_device *dev, uint16_t queue)
{
	struct vsock *v = vsock_of(dev);

	if (!catch_up(v))
		return;
	if (queue == QUEUE_RX) {
		vsock_pump_notified(&v->pump);
	} else if (queue == QUEUE_TX) {
		(void)virtq_arm(&dev->queues[QUEUE_TX], false);
		drain_tx(v);
	}
	finish(v);
}

static void wake(const struct vsock *v)
{
	uint64_t one = 1;

	/* Fails only if the counter is full: then the I/O thread will wake up anyway. */
	if (write(v->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void on_wake(void *ctx, int fd, _unused_ uint32_t events)
{
	struct vsock *v = ctx;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		return;
	lock(v);
	catch_up(v);
	finish(v);
	unlock(v);
}

static int vsock_attach(struct virtio_device *dev, struct err *err)
{
	struct vsock *v = vsock_of(dev);
	int r = loop_add_fd(dev->loop, v->wake_fd, EPOLLIN, on_wake, v, &v->wake_source);

	if (r == 0)
		r = loop_add_timer(dev->loop, on_timer, v, &v->timer);
	if (r < 0)
		return err_set(err, -r, "cannot attach the vsock device");
	if (v->uds_listen_fd < 0)
		return 0;
	return vsock_uds_new(TAKE_FD(v->uds_listen_fd), dev->loop, on_uds_connect, v, &v->uds, err);
}

static void vsock_activate(struct virtio_device *dev)
{
	wake(vsock_of(dev));
}

static void vsock_reset(struct virtio_device *dev)
{
	struct vsock *v = vsock_of(dev);

	v->stale = true;
	wake(v);
}

static void vsock_config_read(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len)
{
	uint64_t cid = htole64(vsock_of(dev)->guest_cid);

	memcpy(dst, (const uint8_t *)&cid + offset, len);
}

/* Connections have descriptors, which nobody can save. */
static bool vsock_at_rest(const struct virtio_device *dev)
{
	const struct vsock *v = CONTAINER_OF(dev, const struct vsock, dev);

	return !v->table.all && !v->stale && !v->tx_waits;
}

static void vsock_free(struct virtio_device *dev)
{
	struct vsock *v = vsock_of(dev);

	while (v->table.all)
		destroy(v, v->table.all);
	vsock_uds_free(v->uds);
	loop_source_free(v->link_source);
	loop_source_free(v->wake_source);
	loop_source_free(v->timer);
	cleanup_fd(&v->uds_listen_fd);
	cleanup_fd(&v->link_fd);
	cleanup_fd(&v->wake_fd);
	free(v);
}

static const uint16_t queue_sizes[N_QUEUES] = { 128, 128, 16 };

static const struct virtio_device_ops vsock_ops = {
	.name = "vsock",
	.virtio_id = VIRTIO_ID_VSOCK,
	.pci_class = 0x07, /* communication controller, other */
	.pci_subclass = 0x80,
	.n_queues = N_QUEUES,
	.queue_sizes = queue_sizes,
	.config_bytes = sizeof(uint64_t),
	.attach = vsock_attach,
	.activate = vsock_activate,
	.notify = vsock_notify,
	.reset = vsock_reset,
	.config_read = vsock_config_read,
	.at_rest = vsock_at_rest,
	.free = vsock_free,
};

int vsock_new(const struct vsock_config *config, struct virtio_device **ret_dev, struct err *err)
{
	struct vsock *v = calloc(1, sizeof(*v));
	_cleanup_fd_ int link_fd = config->link_fd, uds_listen_fd = config->uds_listen_fd;
	_cleanup_fd_ int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	_cleanup_free_ struct vsock *owned = v;
	int r;

	if (!v || wake_fd < 0)
		return err_set(err, v ? errno : ENOMEM, "cannot make the vsock device");
	r = fd_set_nonblock(link_fd, 1);
	if (r < 0)
		return err_set(err, -r, "cannot use the vsock link");
	v->dev.ops = &vsock_ops;
	v->dev.features_offered = VIRTIO_VSOCK_F_STREAM;
	v->guest_cid = config->guest_cid;
	v->table.next_host_port = config->first_host_port;
	v->connect_timeout_ms =
		config->connect_timeout_ms ? config->connect_timeout_ms : VSOCK_CONNECT_TIMEOUT_MS;
	v->close_timeout_ms =
		config->close_timeout_ms ? config->close_timeout_ms : VSOCK_CLOSE_TIMEOUT_MS;
	v->timer_due_ms = INT64_MAX;
	v->pump = (struct vsock_pump){
		.dev = &v->dev, .queue = QUEUE_RX, .served = on_served, .ctx = v
	};
	v->wake_fd = TAKE_FD(wake_fd);
	v->link_fd = TAKE_FD(link_fd);
	v->uds_listen_fd = TAKE_FD(uds_listen_fd);
	*ret_dev = &TAKE_PTR(owned)->dev;
	return 0;
}
