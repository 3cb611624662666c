/* SPDX-License-Identifier: Apache-2.0 */
/* One vsock connection: state machine, credit accounting, and the host socket's reads and writes.
 */
#include "vmm/virtio/vsock-connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_MAIN, sendmsg), SYSCALL(SYSCALLS_MAIN, sendto),
	 SYSCALL(SYSCALLS_MAIN, recvmsg), SYSCALL(SYSCALLS_MAIN, shutdown));

/* In-flight bytes stay far below 2^31, so that the order of two wrapping counters is never in
 * doubt. */
#define PEER_BUF_ALLOC_MAX (1u << 30)

static struct vsock_connection *connection_new(int fd, uint32_t buf_alloc)
{
	struct vsock_connection *conn = calloc(1, sizeof(*conn));

	if (!conn) {
		close(fd);
		return NULL;
	}
	conn->fd = fd;
	conn->buf_alloc = buf_alloc;
	conn->rx_chains = 1;
	return conn;
}

struct vsock_connection *vsock_connection_new_host(uint64_t guest_cid, uint32_t guest_port,
						   uint32_t host_port, int fd, uint32_t buf_alloc)
{
	struct vsock_connection *conn = connection_new(fd, buf_alloc);

	if (!conn)
		return NULL;
	conn->state = VSOCK_REQUESTED;
	conn->guest_cid = guest_cid;
	conn->guest_port = guest_port;
	conn->host_port = host_port;
	conn->owes = VSOCK_OWES_REQUEST;
	return conn;
}

struct vsock_connection *vsock_connection_new_guest(const struct vsock_header *request, int fd,
						    uint32_t buf_alloc)
{
	struct vsock_connection *conn = connection_new(fd, buf_alloc);

	if (!conn)
		return NULL;
	conn->state = VSOCK_OPEN;
	conn->guest_cid = request->src_cid;
	conn->guest_port = request->src_port;
	conn->host_port = request->dst_port;
	conn->peer_buf_alloc = request->buf_alloc;
	conn->owes = VSOCK_OWES_RESPONSE;
	return conn;
}

static ssize_t send_now(const struct vsock_connection *conn, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t sent;

	do
		sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return sent;
	return errno == EAGAIN ? 0 : -errno;
}

static void pending_drop(struct vsock_connection *conn)
{
	struct vsock_pending *pending = &conn->pending;

	if (pending->bytes)
		(void)munmap(pending->bytes, conn->buf_alloc);
	*pending = (struct vsock_pending){ 0 };
}

/* Credit was checked, so there is room. False if there is no memory. */
static bool pending_add(struct vsock_connection *conn, const struct iovec *iov, size_t n)
{
	struct vsock_pending *pending = &conn->pending;
	uint32_t mask = conn->buf_alloc - 1u;

	if (!pending->bytes) {
		void *bytes = mmap(NULL, conn->buf_alloc, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (bytes == MAP_FAILED)
			return false;
		pending->bytes = bytes;
	}
	for (size_t i = 0; i < n; i++) {
		const uint8_t *from = iov[i].iov_base;
		uint32_t left = (uint32_t)iov[i].iov_len;

		while (left > 0) {
			uint32_t end = (pending->start + pending->len) & mask;
			uint32_t part = MIN(left, conn->buf_alloc - end);

			memcpy(pending->bytes + end, from, part);
			pending->len += part;
			from += part;
			left -= part;
		}
	}
	return true;
}

/* The bytes as one buffer or two. */
static size_t pending_iov(const struct vsock_connection *conn, struct iovec ret_iov[2])
{
	const struct vsock_pending *pending = &conn->pending;
	uint32_t first = MIN(pending->len, conn->buf_alloc - pending->start);

	ret_iov[0] = (struct iovec){ pending->bytes + pending->start, first };
	ret_iov[1] = (struct iovec){ pending->bytes, pending->len - first };
	return ret_iov[1].iov_len > 0 ? 2 : 1;
}

void vsock_connection_free(struct vsock_connection *conn)
{
	struct iovec iov[2];

	if (!conn)
		return;
	if (conn->pending.len > 0)
		(void)send_now(conn, iov, pending_iov(conn, iov));
	pending_drop(conn);
	close(conn->fd);
	free(conn);
}

/* Ends the host's side as close(2) would; the descriptor itself is closed with the connection. */
static void hang_up(struct vsock_connection *conn)
{
	pending_drop(conn);
	conn->readable = false;
	conn->write_shut = conn->read_shut = true;
	(void)shutdown(conn->fd, SHUT_RDWR);
}

static void reset(struct vsock_connection *conn)
{
	hang_up(conn);
	conn->state = VSOCK_RESETTING;
	conn->owes = VSOCK_OWES_RST;
}

void vsock_connection_orphan(struct vsock_connection *conn)
{
	conn->owes = 0;
	conn->readable = false;
	if (conn->pending.len > 0) {
		conn->state = VSOCK_LINGERING;
		(void)shutdown(conn->fd, SHUT_RD);
		return;
	}
	hang_up(conn);
	conn->state = VSOCK_DEAD;
}

/* Passes the guest's shutdown on, its last bytes first. A guest that closed both ways awaits RST.
 */
static void pass_guest_shutdown(struct vsock_connection *conn)
{
	if ((conn->guest_shut & VSOCK_SHUTDOWN_RCV) && !conn->read_shut) {
		conn->read_shut = true;
		conn->readable = false;
		(void)shutdown(conn->fd, SHUT_RD);
	}
	if (conn->pending.len > 0)
		return;
	if (conn->guest_shut == VSOCK_SHUTDOWN_BOTH) {
		reset(conn);
	} else if ((conn->guest_shut & VSOCK_SHUTDOWN_SEND) && !conn->write_shut) {
		conn->write_shut = true;
		(void)shutdown(conn->fd, SHUT_WR);
	}
}

/* The host will not do these any more. */
static void host_shutdown(struct vsock_connection *conn, uint32_t how)
{
	uint32_t before = conn->host_shut;

	conn->host_shut |= how;
	if (conn->host_shut & VSOCK_SHUTDOWN_SEND)
		conn->readable = false;
	if (conn->host_shut & VSOCK_SHUTDOWN_RCV) {
		conn->fwd_cnt += conn->pending.len;
		pending_drop(conn);
	}
	if (conn->guest_shut == VSOCK_SHUTDOWN_BOTH && conn->pending.len == 0) {
		reset(conn);
		return;
	}
	if (conn->host_shut != before)
		conn->owes |= VSOCK_OWES_SHUTDOWN;
	if (conn->host_shut == VSOCK_SHUTDOWN_BOTH) {
		hang_up(conn);
		conn->state = VSOCK_CLOSING;
	}
}

/* Bytes have left our buffer. The guest is told before it has used up what it knows of. */
static void forwarded(struct vsock_connection *conn, uint32_t n_bytes)
{
	conn->fwd_cnt += n_bytes;
	if (conn->fwd_cnt - conn->fwd_cnt_told >= conn->buf_alloc / 2)
		conn->owes |= VSOCK_OWES_CREDIT_UPDATE;
}

static void flush(struct vsock_connection *conn)
{
	struct vsock_pending *pending = &conn->pending;
	struct iovec iov[2];
	ssize_t sent = send_now(conn, iov, pending_iov(conn, iov));

	if (sent < 0 && conn->state == VSOCK_LINGERING) {
		pending_drop(conn);
	} else if (sent < 0) {
		host_shutdown(conn, VSOCK_SHUTDOWN_RCV);
		return;
	} else {
		pending->start = (pending->start + (uint32_t)sent) & (conn->buf_alloc - 1u);
		pending->len -= (uint32_t)sent;
	}
	if (pending->len == 0)
		pending_drop(conn);
	if (conn->state == VSOCK_LINGERING) {
		if (pending->len == 0)
			conn->state = VSOCK_DEAD;
		return;
	}
	forwarded(conn, (uint32_t)sent);
	pass_guest_shutdown(conn);
}

/* Takes the credit fields. False if the guest claims to have taken more than it was sent. */
static bool take_credit(struct vsock_connection *conn, const struct vsock_header *header)
{
	if ((int32_t)(header->fwd_cnt - conn->tx_cnt) > 0)
		return false;
	/* Packets of a guest's several threads may overtake each other: an older count is no
	 * offence. */
	if ((int32_t)(header->fwd_cnt - conn->peer_fwd_cnt) > 0)
		conn->peer_fwd_cnt = header->fwd_cnt;
	conn->peer_buf_alloc = header->buf_alloc;
	return true;
}

static uint32_t credit(const struct vsock_connection *conn)
{
	uint32_t in_flight = conn->tx_cnt - conn->peer_fwd_cnt;
	uint32_t room = MIN(conn->peer_buf_alloc, PEER_BUF_ALLOC_MAX);

	return in_flight < room ? room - in_flight : 0;
}

static void recv_response(struct vsock_connection *conn)
{
	char line[32];
	int len;

	if (conn->state != VSOCK_REQUESTED || (conn->owes & VSOCK_OWES_REQUEST)) {
		reset(conn);
		return;
	}
	conn->state = VSOCK_OPEN;
	if (!conn->announce)
		return;
	len = snprintf(line, sizeof(line), "OK %u\n", conn->host_port);
	/* The socket is new, so all of it fits, unless the client is gone. */
	if (send(conn->fd, line, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL) != len)
		reset(conn);
}

static void recv_data(struct vsock_connection *conn, const struct vsock_packet *packet)
{
	uint32_t len = packet->header.len_bytes;
	struct iovec rest[VIRTQ_CHAIN_MAX];
	ssize_t sent = 0;
	size_t n;

	if (conn->state == VSOCK_REQUESTED || (conn->guest_shut & VSOCK_SHUTDOWN_SEND) ||
	    len > conn->buf_alloc - conn->pending.len) {
		reset(conn);
		return;
	}
	conn->rx_cnt += len;
	if (conn->host_shut & VSOCK_SHUTDOWN_RCV) {
		forwarded(conn, len);
		return;
	}
	if (conn->pending.len == 0 && len > 0)
		sent = send_now(conn, packet->iov, packet->n_iov);
	if (sent < 0) {
		forwarded(conn, len);
		host_shutdown(conn, VSOCK_SHUTDOWN_RCV);
		return;
	}
	forwarded(conn, (uint32_t)sent);
	n = vsock_slice(packet->iov, packet->n_iov, (size_t)sent, len, rest);
	if (n > 0 && !pending_add(conn, rest, n))
		reset(conn);
}

static void recv_shutdown(struct vsock_connection *conn, uint32_t flags)
{
	if (conn->state == VSOCK_REQUESTED) {
		reset(conn);
		return;
	}
	conn->guest_shut |= flags & VSOCK_SHUTDOWN_BOTH;
	pass_guest_shutdown(conn);
}

void vsock_connection_recv(struct vsock_connection *conn, const struct vsock_packet *packet)
{
	const struct vsock_header *header = &packet->header;

	if (header->op == VSOCK_OP_RST) {
		vsock_connection_orphan(conn);
		return;
	}
	if (conn->state == VSOCK_RESETTING)
		return;
	if (!take_credit(conn, header)) {
		reset(conn);
		return;
	}
	if (credit(conn) > 0)
		conn->credit_asked = false;
	switch (header->op) {
	case VSOCK_OP_RESPONSE:
		recv_response(conn);
		break;
	case VSOCK_OP_RW:
		recv_data(conn, packet);
		break;
	case VSOCK_OP_SHUTDOWN:
		recv_shutdown(conn, header->flags);
		break;
	case VSOCK_OP_CREDIT_UPDATE:
		break;
	case VSOCK_OP_CREDIT_REQUEST:
		conn->owes |= VSOCK_OWES_CREDIT_UPDATE;
		break;
	default: /* a second REQUEST */
		reset(conn);
		break;
	}
}

/* True while bytes from the host have somewhere to go. */
static bool is_reading(const struct vsock_connection *conn)
{
	return conn->state == VSOCK_OPEN && !(conn->host_shut & VSOCK_SHUTDOWN_SEND) &&
	       !(conn->guest_shut & VSOCK_SHUTDOWN_RCV);
}

int vsock_connection_events(const struct vsock_connection *conn)
{
	int events = conn->pending.len > 0 ? EPOLLOUT : 0;

	if (conn->state == VSOCK_LINGERING)
		return events;
	if (conn->state != VSOCK_OPEN)
		return -1;
	if (!is_reading(conn))
		return events;
	if (!conn->readable && credit(conn) > 0)
		return events | EPOLLIN;
	/* The host may have hung up behind bytes that the guest has no room for: that would report
	 * at once. */
	return events ? events : -1;
}

void vsock_connection_handle(struct vsock_connection *conn, uint32_t events)
{
	if (conn->pending.len > 0 && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		flush(conn);
	if (conn->state != VSOCK_OPEN)
		return;
	if (events & EPOLLHUP)
		conn->hung_up = true;
	if (is_reading(conn) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		conn->readable = true;
	else if (events & (EPOLLHUP | EPOLLERR))
		host_shutdown(conn, VSOCK_SHUTDOWN_BOTH);
}

bool vsock_connection_is_ready(const struct vsock_connection *conn)
{
	return conn->owes != 0 || (conn->readable && is_reading(conn));
}

static void fill_header(struct vsock_connection *conn, enum vsock_op op,
			struct vsock_header *ret_header)
{
	*ret_header = (struct vsock_header){
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = conn->guest_cid,
		.src_port = conn->host_port,
		.dst_port = conn->guest_port,
		.type = VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = conn->buf_alloc,
		.fwd_cnt = conn->fwd_cnt,
	};
	/* Every packet carries the credit. */
	conn->fwd_cnt_told = conn->fwd_cnt;
	conn->owes &= ~VSOCK_OWES_CREDIT_UPDATE;
}

void vsock_connection_next(struct vsock_connection *conn, struct vsock_header *ret_header)
{
	static const struct {
		uint32_t owed;
		enum vsock_op op;
	} order[] = {
		{ VSOCK_OWES_REQUEST, VSOCK_OP_REQUEST },
		{ VSOCK_OWES_RESPONSE, VSOCK_OP_RESPONSE },
		{ VSOCK_OWES_CREDIT_REQUEST, VSOCK_OP_CREDIT_REQUEST },
		{ VSOCK_OWES_CREDIT_UPDATE, VSOCK_OP_CREDIT_UPDATE },
		{ VSOCK_OWES_SHUTDOWN, VSOCK_OP_SHUTDOWN },
		{ VSOCK_OWES_RST, VSOCK_OP_RST },
	};
	size_t i = 0;

	while (i < ARRAY_SIZE(order) - 1 && !(conn->owes & order[i].owed))
		i++;
	fill_header(conn, order[i].op, ret_header);
	conn->owes &= ~order[i].owed;
	if (order[i].op == VSOCK_OP_SHUTDOWN)
		ret_header->flags = conn->host_shut;
	if (order[i].op == VSOCK_OP_RST)
		conn->state = VSOCK_DEAD;
}

uint32_t vsock_connection_credit(struct vsock_connection *conn)
{
	uint32_t room = credit(conn);

	if (room > 0)
		return room;
	conn->readable = false;
	if (!conn->credit_asked) {
		conn->credit_asked = true;
		conn->owes |= VSOCK_OWES_CREDIT_REQUEST;
	}
	return 0;
}

size_t vsock_connection_read(struct vsock_connection *conn, const struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	ssize_t got;

	do
		got = recvmsg(conn->fd, &msg, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got > 0)
		return (size_t)got;
	conn->readable = false;
	if (got == 0)
		host_shutdown(conn, conn->hung_up ? VSOCK_SHUTDOWN_BOTH : VSOCK_SHUTDOWN_SEND);
	else if (errno != EAGAIN)
		host_shutdown(conn, VSOCK_SHUTDOWN_BOTH);
	return 0;
}

void vsock_connection_data(struct vsock_connection *conn, uint32_t len_bytes,
			   struct vsock_header *ret_header)
{
	fill_header(conn, VSOCK_OP_RW, ret_header);
	ret_header->len_bytes = len_bytes;
	conn->tx_cnt += len_bytes;
}

void vsock_connection_expire(struct vsock_connection *conn)
{
	bool unknown = conn->state == VSOCK_REQUESTED && (conn->owes & VSOCK_OWES_REQUEST);

	if (unknown || conn->state == VSOCK_RESETTING || conn->state == VSOCK_LINGERING) {
		hang_up(conn);
		conn->owes = 0;
		conn->state = VSOCK_DEAD;
	} else {
		reset(conn);
	}
}
