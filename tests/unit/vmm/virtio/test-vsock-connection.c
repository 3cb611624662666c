/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of a vsock connection's states and credit, and of the table that holds connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "vmm/virtio/vsock-connection.h"
#include "vmm/virtio/vsock-table.h"

#define GUEST_CID  3u
#define GUEST_PORT 5000u
#define HOST_PORT  1024u

struct pair {
	struct vsock_connection *conn;
	int host; /* the other end of conn's socket */
};

static const struct vsock_header request = {
	.src_cid = GUEST_CID,
	.dst_cid = VSOCK_CID_HOST,
	.src_port = GUEST_PORT,
	.dst_port = HOST_PORT,
	.type = VSOCK_TYPE_STREAM,
	.op = VSOCK_OP_REQUEST,
	.buf_alloc = 1000,
};

static void pair_close(struct pair *pair)
{
	vsock_connection_free(pair->conn);
	if (pair->host >= 0)
		close(pair->host);
}

#define _pair_ __attribute__((cleanup(pair_close))) struct pair

static struct vsock_header next(struct vsock_connection *conn)
{
	struct vsock_header header;

	assert_int_not_equal(conn->owes, 0);
	vsock_connection_next(conn, &header);
	return header;
}

/* A connection that the guest asked for, with the answer already sent. */
static struct pair open_pair(void)
{
	int fds[2];
	struct pair pair;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair.host = fds[1];
	pair.conn = vsock_connection_new_guest(&request, fds[0], VSOCK_BUFFER_LARGE);
	assert_non_null(pair.conn);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_RESPONSE);
	return pair;
}

static struct pair requested_pair(void)
{
	int fds[2];
	struct pair pair;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	pair.host = fds[1];
	pair.conn = vsock_connection_new_host(GUEST_CID, GUEST_PORT, VSOCK_HOST_PORT_FIRST, fds[0],
					      VSOCK_BUFFER_LARGE);
	assert_non_null(pair.conn);
	return pair;
}

static struct vsock_packet packet_of(enum vsock_op op)
{
	struct vsock_packet packet = { .header = request };

	packet.header.op = (uint16_t)op;
	return packet;
}

static void recv_op(struct vsock_connection *conn, enum vsock_op op, uint32_t flags)
{
	struct vsock_packet packet = packet_of(op);

	packet.header.flags = flags;
	packet.header.fwd_cnt = conn->peer_fwd_cnt;
	vsock_connection_recv(conn, &packet);
}

static void recv_bytes(struct vsock_connection *conn, const void *bytes, uint32_t len)
{
	struct vsock_packet packet = packet_of(VSOCK_OP_RW);

	packet.header.len_bytes = len;
	packet.header.fwd_cnt = conn->peer_fwd_cnt;
	packet.n_iov = 1;
	packet.iov[0] = (struct iovec){ (void *)bytes, len };
	vsock_connection_recv(conn, &packet);
}

static void recv_credit(struct vsock_connection *conn, uint32_t buf_alloc, uint32_t fwd_cnt)
{
	struct vsock_packet packet = packet_of(VSOCK_OP_CREDIT_UPDATE);

	packet.header.buf_alloc = buf_alloc;
	packet.header.fwd_cnt = fwd_cnt;
	vsock_connection_recv(conn, &packet);
}

/* What the loop would do now: the events that are pending of those that conn waits for. */
static void poll_once(struct vsock_connection *conn)
{
	int events = vsock_connection_events(conn);
	struct pollfd pollfd = { .fd = conn->fd, .events = (short)events };

	if (events >= 0 && poll(&pollfd, 1, 0) > 0)
		vsock_connection_handle(conn, (uint32_t)pollfd.revents);
}

/* Reads len bytes for the guest, without a queue; the bytes that came. */
static size_t read_for_guest(struct vsock_connection *conn, void *bytes, size_t len)
{
	struct iovec iov = { bytes, len };
	struct vsock_header header;
	size_t got;

	poll_once(conn);
	if (!conn->readable)
		return 0;
	iov.iov_len = MIN(len, (size_t)vsock_connection_credit(conn));
	if (iov.iov_len == 0)
		return 0;
	got = vsock_connection_read(conn, &iov, 1);
	if (got > 0)
		vsock_connection_data(conn, (uint32_t)got, &header);
	conn->readable = false;
	return got;
}

static void assert_host_reads(int host, const void *expected, size_t len)
{
	char bytes[256];

	assert_true(len <= sizeof(bytes));
	assert_int_equal(recv(host, bytes, len, MSG_DONTWAIT), len);
	assert_memory_equal(bytes, expected, len);
}

static void assert_host_at_end(int host)
{
	char byte;

	assert_int_equal(recv(host, &byte, 1, MSG_DONTWAIT), 0);
}

/* Sends pattern bytes from the guest until something is pending; how many were sent. */
static uint32_t fill_host(struct vsock_connection *conn)
{
	static uint8_t bytes[32768];
	uint32_t sent = 0;

	while (conn->pending.len == 0) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)((sent + i) * 7 >> 3);
		recv_bytes(conn, bytes, sizeof(bytes));
		sent += (uint32_t)sizeof(bytes);
		assert_int_equal(conn->state, VSOCK_OPEN);
	}
	return sent;
}

/* Reads all that the guest sent, with conn's flushing in between. */
static void drain_host(struct pair *pair, uint32_t total)
{
	uint8_t bytes[4096];
	uint32_t got = 0;

	while (got < total) {
		ssize_t n = recv(pair->host, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0) {
			poll_once(pair->conn);
			continue;
		}
		assert_int_not_equal(n, 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], (uint8_t)((got + (uint32_t)i) * 7 >> 3));
		got += (uint32_t)n;
	}
}

static void bytes_from_the_guest_reach_the_host(void **state)
{
	_pair_ pair = open_pair();

	(void)state;
	recv_bytes(pair.conn, "hello", 5);
	assert_host_reads(pair.host, "hello", 5);
	assert_int_equal(pair.conn->fwd_cnt, 5);
	assert_null(pair.conn->pending.bytes);
}

static void what_the_host_does_not_take_is_kept_and_freed_once_taken(void **state)
{
	_pair_ pair = open_pair();
	uint32_t total;

	(void)state;
	total = fill_host(pair.conn);
	assert_non_null(pair.conn->pending.bytes);
	assert_int_equal(pair.conn->rx_cnt, total);
	assert_int_equal(pair.conn->rx_cnt - pair.conn->fwd_cnt, pair.conn->pending.len);
	assert_true(vsock_connection_events(pair.conn) & EPOLLOUT);
	drain_host(&pair, total);
	assert_null(pair.conn->pending.bytes);
	assert_int_equal(pair.conn->fwd_cnt, total);
	assert_false(vsock_connection_events(pair.conn) & EPOLLOUT);
}

static void a_guest_that_sends_more_than_it_was_promised_is_reset(void **state)
{
	static uint8_t bytes[VSOCK_BUFFER_LARGE];
	_pair_ pair = open_pair();
	uint32_t room;

	(void)state;
	(void)fill_host(pair.conn);
	room = VSOCK_BUFFER_LARGE - pair.conn->pending.len;
	recv_bytes(pair.conn, bytes, room);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	assert_int_equal(pair.conn->pending.len, VSOCK_BUFFER_LARGE);
	recv_bytes(pair.conn, bytes, 1);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_RST);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
}

static void the_guest_hears_of_its_credit_when_half_of_it_is_used(void **state)
{
	static uint8_t bytes[VSOCK_BUFFER_LARGE / 4];
	_pair_ pair = open_pair();
	struct vsock_header header;

	(void)state;
	for (int i = 0; i < 20; i++) {
		uint32_t got = 0;

		recv_bytes(pair.conn, bytes, sizeof(bytes));
		while (got < sizeof(bytes)) {
			ssize_t n = recv(pair.host, bytes, sizeof(bytes), MSG_DONTWAIT);

			if (n > 0)
				got += (uint32_t)n;
			poll_once(pair.conn);
		}
		if (i % 2 == 0) {
			assert_int_equal(pair.conn->owes, 0);
			continue;
		}
		header = next(pair.conn);
		assert_int_equal(header.op, VSOCK_OP_CREDIT_UPDATE);
		assert_int_equal(header.buf_alloc, VSOCK_BUFFER_LARGE);
		assert_int_equal(header.fwd_cnt, (uint32_t)(i + 1) * sizeof(bytes));
		assert_int_equal(pair.conn->owes, 0);
	}
}

static void a_request_for_credit_is_answered(void **state)
{
	_pair_ pair = open_pair();

	(void)state;
	recv_op(pair.conn, VSOCK_OP_CREDIT_REQUEST, 0);
	recv_op(pair.conn, VSOCK_OP_CREDIT_REQUEST, 0);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(pair.conn->owes, 0);
}

static void the_host_is_read_only_as_far_as_the_guest_has_room(void **state)
{
	_pair_ pair = open_pair();
	char bytes[2000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(send(pair.host, bytes, 1500, MSG_DONTWAIT), 1500);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 1000);
	/* No room: neither read nor watched. */
	assert_int_equal(vsock_connection_events(pair.conn), -1);
	pair.conn->readable = true;
	assert_int_equal(vsock_connection_credit(pair.conn), 0);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_CREDIT_REQUEST);
	pair.conn->readable = true;
	assert_int_equal(vsock_connection_credit(pair.conn), 0);
	assert_int_equal(pair.conn->owes, 0); /* asked once is enough */
	recv_credit(pair.conn, 1000, 300);
	assert_int_equal(vsock_connection_events(pair.conn), EPOLLIN);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 300);
	recv_credit(pair.conn, 1000, 1300);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 200);
	assert_int_equal(pair.conn->tx_cnt, 1500);
}

static void a_fwd_cnt_ahead_of_what_was_sent_resets(void **state)
{
	_pair_ pair = open_pair();
	char bytes[100];

	(void)state;
	assert_int_equal(send(pair.host, "0123456789", 10, MSG_DONTWAIT), 10);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 10);
	recv_credit(pair.conn, 1000, 10);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	recv_credit(pair.conn, 1000, 11);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
	assert_host_at_end(pair.host);
}

static void an_older_fwd_cnt_changes_nothing(void **state)
{
	_pair_ pair = open_pair();
	char bytes[100];

	(void)state;
	assert_int_equal(send(pair.host, "0123456789", 10, MSG_DONTWAIT), 10);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 10);
	recv_credit(pair.conn, 1000, 8);
	recv_credit(pair.conn, 1000, 3);
	recv_credit(pair.conn, 1000, 0xfffffff0);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	assert_int_equal(vsock_connection_credit(pair.conn), 998);
}

static void a_shrinking_or_absurd_buf_alloc_never_gives_more_room_than_there_is(void **state)
{
	_pair_ pair = open_pair();
	char bytes[1000];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(send(pair.host, bytes, 500, MSG_DONTWAIT), 500);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 500);
	recv_credit(pair.conn, 499, 0);
	assert_int_equal(vsock_connection_credit(pair.conn), 0);
	recv_credit(pair.conn, 0, 500);
	assert_int_equal(vsock_connection_credit(pair.conn), 0);
	assert_int_equal(vsock_connection_events(pair.conn), -1);
	recv_credit(pair.conn, UINT32_MAX, 500);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	assert_true(vsock_connection_credit(pair.conn) < 1u << 31);
}

static void counters_that_wrap_keep_their_order(void **state)
{
	_pair_ pair = open_pair();
	char bytes[100];

	(void)state;
	pair.conn->tx_cnt = pair.conn->peer_fwd_cnt = UINT32_MAX - 4;
	pair.conn->rx_cnt = pair.conn->fwd_cnt = pair.conn->fwd_cnt_told = UINT32_MAX - 2;
	assert_int_equal(send(pair.host, "0123456789", 10, MSG_DONTWAIT), 10);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 10);
	assert_int_equal(pair.conn->tx_cnt, 5);
	recv_credit(pair.conn, 1000, 4);
	assert_int_equal(vsock_connection_credit(pair.conn), 999);
	recv_bytes(pair.conn, "hello", 5);
	assert_int_equal(pair.conn->fwd_cnt, 2);
	recv_credit(pair.conn, 1000, 6);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
}

static void the_end_of_the_hosts_stream_is_a_half_close(void **state)
{
	_pair_ pair = open_pair();
	struct vsock_header header;
	char bytes[10];

	(void)state;
	assert_int_equal(send(pair.host, "end", 3, MSG_DONTWAIT), 3);
	assert_int_equal(shutdown(pair.host, SHUT_WR), 0);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 3);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 0);
	header = next(pair.conn);
	assert_int_equal(header.op, VSOCK_OP_SHUTDOWN);
	assert_int_equal(header.flags, VSOCK_SHUTDOWN_SEND);
	/* The guest may go on sending. */
	recv_bytes(pair.conn, "more", 4);
	assert_host_reads(pair.host, "more", 4);
	/* Nothing to wait for but the host's leaving. */
	assert_int_equal(vsock_connection_events(pair.conn), 0);
	close(pair.host);
	pair.host = -1;
	poll_once(pair.conn);
	header = next(pair.conn);
	assert_int_equal(header.op, VSOCK_OP_SHUTDOWN);
	assert_int_equal(header.flags, VSOCK_SHUTDOWN_BOTH);
	assert_int_equal(pair.conn->state, VSOCK_CLOSING);
	assert_int_equal(vsock_connection_events(pair.conn), -1);
	recv_op(pair.conn, VSOCK_OP_RST, 0);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
}

static void a_host_that_closes_is_read_to_its_end_first(void **state)
{
	_pair_ pair = open_pair();
	struct vsock_header header;
	char bytes[10];

	(void)state;
	assert_int_equal(send(pair.host, "0123456789", 10, MSG_DONTWAIT), 10);
	close(pair.host);
	pair.host = -1;
	assert_int_equal(read_for_guest(pair.conn, bytes, 6), 6);
	assert_int_equal(pair.conn->owes, 0);
	assert_int_equal(read_for_guest(pair.conn, bytes, 6), 4);
	assert_int_equal(read_for_guest(pair.conn, bytes, 6), 0);
	header = next(pair.conn);
	assert_int_equal(header.op, VSOCK_OP_SHUTDOWN);
	assert_int_equal(header.flags, VSOCK_SHUTDOWN_BOTH);
	/* Bytes already on their way are dropped, and credited. */
	recv_bytes(pair.conn, "late", 4);
	assert_int_equal(pair.conn->state, VSOCK_CLOSING);
	assert_int_equal(pair.conn->fwd_cnt, 4);
	vsock_connection_expire(pair.conn);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_RST);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
}

static void the_guests_half_close_ends_the_hosts_reading_only(void **state)
{
	_pair_ pair = open_pair();
	char bytes[10];

	(void)state;
	recv_bytes(pair.conn, "last", 4);
	recv_op(pair.conn, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_SEND);
	assert_host_reads(pair.host, "last", 4);
	assert_host_at_end(pair.host);
	assert_int_equal(send(pair.host, "answer", 6, MSG_DONTWAIT | MSG_NOSIGNAL), 6);
	assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 6);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	/* Sending after all is an offence. */
	recv_bytes(pair.conn, "x", 1);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
}

static void a_guest_that_will_not_receive_breaks_the_hosts_pipe(void **state)
{
	_pair_ pair = open_pair();

	(void)state;
	recv_op(pair.conn, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_RCV);
	assert_int_equal(send(pair.host, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	recv_bytes(pair.conn, "still", 5);
	assert_host_reads(pair.host, "still", 5);
	/* Nothing that is always pending is watched. */
	assert_int_equal(vsock_connection_events(pair.conn), 0);
}

static void a_guest_that_closes_gets_rst_after_its_last_byte(void **state)
{
	_pair_ pair = open_pair();
	uint32_t total;

	(void)state;
	total = fill_host(pair.conn);
	recv_op(pair.conn, VSOCK_OP_SHUTDOWN, VSOCK_SHUTDOWN_BOTH);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	assert_false(pair.conn->owes & VSOCK_OWES_RST);
	drain_host(&pair, total);
	assert_host_at_end(pair.host);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
	assert_int_equal(next(pair.conn).op, VSOCK_OP_RST);
}

static void bytes_that_are_pending_outlive_the_guest(void **state)
{
	_pair_ pair = open_pair();
	uint32_t total;

	(void)state;
	total = fill_host(pair.conn);
	recv_op(pair.conn, VSOCK_OP_RST, 0);
	assert_int_equal(pair.conn->state, VSOCK_LINGERING);
	assert_false(vsock_connection_is_ready(pair.conn));
	drain_host(&pair, total);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
}

static void a_lingering_connection_ends_with_its_host(void **state)
{
	_pair_ pair = open_pair();

	(void)state;
	(void)fill_host(pair.conn);
	recv_op(pair.conn, VSOCK_OP_RST, 0);
	close(pair.host);
	pair.host = -1;
	poll_once(pair.conn);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
	assert_null(pair.conn->pending.bytes);
}

static void a_host_that_left_with_bytes_pending_ends_the_connection(void **state)
{
	_pair_ pair = open_pair();

	(void)state;
	(void)fill_host(pair.conn);
	close(pair.host);
	pair.host = -1;
	for (int i = 0; i < 4 && pair.conn->state == VSOCK_OPEN; i++) {
		char bytes[10];

		assert_int_equal(read_for_guest(pair.conn, bytes, sizeof(bytes)), 0);
	}
	assert_int_equal(pair.conn->state, VSOCK_CLOSING);
	assert_null(pair.conn->pending.bytes);
	assert_int_equal(pair.conn->fwd_cnt, pair.conn->rx_cnt);
}

static void a_host_connection_opens_when_the_guest_answers(void **state)
{
	_pair_ pair = requested_pair();
	struct vsock_header header;

	(void)state;
	header = next(pair.conn);
	assert_int_equal(header.op, VSOCK_OP_REQUEST);
	assert_int_equal(header.src_port, VSOCK_HOST_PORT_FIRST);
	assert_int_equal(header.dst_port, GUEST_PORT);
	assert_int_equal(header.dst_cid, GUEST_CID);
	assert_int_equal(header.buf_alloc, VSOCK_BUFFER_LARGE);
	assert_int_equal(vsock_connection_events(pair.conn), -1);
	recv_op(pair.conn, VSOCK_OP_RESPONSE, 0);
	assert_int_equal(pair.conn->state, VSOCK_OPEN);
	assert_int_equal(vsock_connection_events(pair.conn), EPOLLIN);
}

static void an_answer_to_a_request_that_was_not_sent_resets(void **state)
{
	_pair_ pair = requested_pair();

	(void)state;
	recv_op(pair.conn, VSOCK_OP_RESPONSE, 0);
	assert_int_equal(pair.conn->state, VSOCK_RESETTING);
}

static void a_refused_host_connection_is_closed(void **state)
{
	_pair_ pair = requested_pair();

	(void)state;
	(void)next(pair.conn);
	recv_op(pair.conn, VSOCK_OP_RST, 0);
	assert_int_equal(pair.conn->state, VSOCK_DEAD);
	assert_host_at_end(pair.host);
}

static void an_announced_connection_starts_with_ok_and_its_port(void **state)
{
	_pair_ pair = requested_pair();

	(void)state;
	pair.conn->announce = true;
	(void)next(pair.conn);
	recv_op(pair.conn, VSOCK_OP_RESPONSE, 0);
	recv_bytes(pair.conn, "data", 4);
	assert_host_reads(pair.host, "OK 1073741824\ndata", 18);
}

static void a_request_that_is_never_answered_expires(void **state)
{
	_pair_ sent = requested_pair();
	_pair_ unsent = requested_pair();

	(void)state;
	(void)next(sent.conn);
	vsock_connection_expire(sent.conn);
	assert_int_equal(next(sent.conn).op, VSOCK_OP_RST);
	assert_host_at_end(sent.host);
	vsock_connection_expire(unsent.conn);
	assert_int_equal(unsent.conn->state, VSOCK_DEAD);
	assert_int_equal(unsent.conn->owes, 0);
}

static void whatever_a_guest_sends_at_the_wrong_time_resets_once(void **state)
{
	static const enum vsock_op wrong_when_open[] = { VSOCK_OP_REQUEST, VSOCK_OP_RESPONSE };
	static const enum vsock_op wrong_when_requested[] = { VSOCK_OP_REQUEST, VSOCK_OP_RW,
							      VSOCK_OP_SHUTDOWN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong_when_open); i++) {
		_pair_ pair = open_pair();

		recv_op(pair.conn, wrong_when_open[i], 0);
		assert_int_equal(pair.conn->state, VSOCK_RESETTING);
		recv_op(pair.conn, wrong_when_open[i], 0);
		recv_bytes(pair.conn, "x", 1);
		assert_int_equal(next(pair.conn).op, VSOCK_OP_RST);
		assert_int_equal(pair.conn->owes, 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong_when_requested); i++) {
		_pair_ pair = requested_pair();

		(void)next(pair.conn);
		recv_op(pair.conn, wrong_when_requested[i], VSOCK_SHUTDOWN_BOTH);
		assert_int_equal(pair.conn->state, VSOCK_RESETTING);
	}
}

static void the_table_finds_connections_by_both_ports(void **state)
{
	struct vsock_table table = { 0 };
	struct vsock_connection conns[3] = {
		{ .guest_port = 1, .host_port = 2 },
		{ .guest_port = 2, .host_port = 1 },
		{ .guest_port = 1, .host_port = 1 },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		vsock_table_add(&table, &conns[i]);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(vsock_table_find(&table, conns[i].guest_port, conns[i].host_port),
				 &conns[i]);
	assert_null(vsock_table_find(&table, 2, 2));
	vsock_table_hide(&table, &conns[1]);
	vsock_table_hide(&table, &conns[1]);
	assert_null(vsock_table_find(&table, 2, 1));
	assert_int_equal(table.count, 3);
	for (size_t i = 0; i < 3; i++)
		vsock_table_remove(&table, &conns[i]);
	assert_int_equal(table.count, 0);
	assert_null(table.all);
}

static void host_ports_in_use_are_skipped(void **state)
{
	struct vsock_table table = { .next_host_port = VSOCK_HOST_PORT_LAST };
	struct vsock_connection conns[2] = {
		{ .guest_port = 9, .host_port = VSOCK_HOST_PORT_LAST },
		{ .guest_port = 9, .host_port = VSOCK_HOST_PORT_FIRST },
	};

	(void)state;
	vsock_table_add(&table, &conns[0]);
	vsock_table_add(&table, &conns[1]);
	assert_int_equal(vsock_table_host_port(&table, 9), VSOCK_HOST_PORT_FIRST + 1);
	table.next_host_port = VSOCK_HOST_PORT_LAST;
	assert_int_equal(vsock_table_host_port(&table, 8), VSOCK_HOST_PORT_LAST);
	assert_int_equal(vsock_table_host_port(&table, 8), VSOCK_HOST_PORT_FIRST);
}

static void only_the_first_connections_get_large_buffers(void **state)
{
	static struct vsock_connection conns[VSOCK_CONNECTIONS_MAX];
	struct vsock_table table = { 0 };
	uint64_t promised = 0;

	(void)state;
	for (uint32_t i = 0; i < VSOCK_CONNECTIONS_MAX; i++) {
		assert_false(vsock_table_is_full(&table));
		promised += vsock_table_buffer(&table);
		conns[i].guest_port = i;
		vsock_table_add(&table, &conns[i]);
	}
	assert_true(vsock_table_is_full(&table));
	assert_true(promised <= 32u * 1024 * 1024);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_from_the_guest_reach_the_host),
		cmocka_unit_test(what_the_host_does_not_take_is_kept_and_freed_once_taken),
		cmocka_unit_test(a_guest_that_sends_more_than_it_was_promised_is_reset),
		cmocka_unit_test(the_guest_hears_of_its_credit_when_half_of_it_is_used),
		cmocka_unit_test(a_request_for_credit_is_answered),
		cmocka_unit_test(the_host_is_read_only_as_far_as_the_guest_has_room),
		cmocka_unit_test(a_fwd_cnt_ahead_of_what_was_sent_resets),
		cmocka_unit_test(an_older_fwd_cnt_changes_nothing),
		cmocka_unit_test(
			a_shrinking_or_absurd_buf_alloc_never_gives_more_room_than_there_is),
		cmocka_unit_test(counters_that_wrap_keep_their_order),
		cmocka_unit_test(the_end_of_the_hosts_stream_is_a_half_close),
		cmocka_unit_test(a_host_that_closes_is_read_to_its_end_first),
		cmocka_unit_test(the_guests_half_close_ends_the_hosts_reading_only),
		cmocka_unit_test(a_guest_that_will_not_receive_breaks_the_hosts_pipe),
		cmocka_unit_test(a_guest_that_closes_gets_rst_after_its_last_byte),
		cmocka_unit_test(bytes_that_are_pending_outlive_the_guest),
		cmocka_unit_test(a_lingering_connection_ends_with_its_host),
		cmocka_unit_test(a_host_that_left_with_bytes_pending_ends_the_connection),
		cmocka_unit_test(a_host_connection_opens_when_the_guest_answers),
		cmocka_unit_test(an_answer_to_a_request_that_was_not_sent_resets),
		cmocka_unit_test(a_refused_host_connection_is_closed),
		cmocka_unit_test(an_announced_connection_starts_with_ok_and_its_port),
		cmocka_unit_test(a_request_that_is_never_answered_expires),
		cmocka_unit_test(whatever_a_guest_sends_at_the_wrong_time_resets_once),
		cmocka_unit_test(the_table_finds_connections_by_both_ports),
		cmocka_unit_test(host_ports_in_use_are_skipped),
		cmocka_unit_test(only_the_first_connections_get_large_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
