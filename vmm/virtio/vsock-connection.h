/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One vsock connection: its state, its credit, and the host socket at its other end. Knows no
 *queue: packets from the guest come in parsed, packets to the guest go out as headers that it owes.
 *
 *	REQUESTED ----RESPONSE----> OPEN <---- a guest's REQUEST
 *	    |                        | |
 *	    | RST: refused           | +-- the host closed both ways: CLOSING, told by SHUTDOWN
 *	    |                        |           | RST from the guest, or its time is up
 *	    |    the guest closed,   |           |
 *	    |    or broke a rule     v           v
 *	    |                     RESETTING ---> DEAD, once RST is sent
 *	    v                        |
 *	   DEAD <--- all written --- LINGERING: RST from the guest while bytes for the host are
 *pending
 *
 * What the guest sent is written to the host socket at once; what the socket does not take is kept,
 *at most buf_alloc bytes, which is what the guest was promised. A guest that sends more is reset.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_CONNECTION_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "lib/cleanup.h"
#include "lib/loop.h"
#include "vmm/virtio/vsock-packet.h"

enum vsock_state {
	VSOCK_REQUESTED, /* the host asked, the guest has not answered */
	VSOCK_OPEN,
	VSOCK_CLOSING,	 /* the host is gone; the guest knows or will, and owes RST */
	VSOCK_RESETTING, /* over, but for the RST that the guest is owed */
	VSOCK_LINGERING, /* over for the guest; its last bytes still go to the host */
	VSOCK_DEAD,	 /* to be freed */
};

/* Packets owed to the guest, in the order in which they are sent. */
#define VSOCK_OWES_REQUEST	  (1u << 0)
#define VSOCK_OWES_RESPONSE	  (1u << 1)
#define VSOCK_OWES_CREDIT_REQUEST (1u << 2)
#define VSOCK_OWES_CREDIT_UPDATE  (1u << 3)
#define VSOCK_OWES_SHUTDOWN	  (1u << 4)
#define VSOCK_OWES_RST		  (1u << 5)

/* What a connection may keep for a slow host: most get the large one, see vsock_table. Powers of
 * two. */
#define VSOCK_BUFFER_LARGE (256u * 1024)
#define VSOCK_BUFFER_SMALL (16u * 1024)

/* Bytes from the guest that the host socket did not take yet: a ring, mapped while it holds any. */
struct vsock_pending {
	uint8_t *bytes;
	uint32_t start, len;
};

struct vsock_connection {
	enum vsock_state state;
	uint64_t guest_cid;
	uint32_t guest_port, host_port;
	int fd;	       /* owned */
	bool announce; /* write "OK <host port>\n" to fd when the guest accepts */
	uint32_t owes; /* VSOCK_OWES_* */

	/* Credit (virtio 1.2, 5.10.6.3). All counters wrap. */
	uint32_t buf_alloc;	  /* ours */
	uint32_t rx_cnt, fwd_cnt; /* got from the guest; of these passed on to the host */
	uint32_t fwd_cnt_told;	  /* as the guest knows it */
	uint32_t peer_buf_alloc, peer_fwd_cnt; /* as the guest last said */
	uint32_t tx_cnt;		       /* sent to the guest */
	bool credit_asked;		       /* and no credit came since */

	uint32_t guest_shut, host_shut; /* VSOCK_SHUTDOWN_*: what each side will do no more */
	bool write_shut, read_shut;	/* shutdown(2) has passed guest_shut on to fd */
	bool readable;			/* fd has bytes or an end that wait for the guest */
	bool hung_up;			/* EPOLLHUP was seen */
	struct vsock_pending pending;
	uint16_t rx_chains; /* how many receive buffers the next read tries to fill */

	/* The owner's: not looked at here. */
	void *owner;
	struct loop_source *source;
	uint32_t watched;
	enum vsock_state timed_state;
	int64_t deadline_ms;
	bool hashed, queued, touched;
	struct vsock_connection *hash_next;
	struct vsock_connection *all_next, *all_prev;
	struct vsock_connection *queue_next, *queue_prev;
	struct vsock_connection *touched_next;
};

/*
 * A connection that the host asks for; owns fd from the call on, even when it returns NULL (no
 * memory). It owes the guest REQUEST.
 */
struct vsock_connection *vsock_connection_new_host(uint64_t guest_cid, uint32_t guest_port,
						   uint32_t host_port, int fd, uint32_t buf_alloc)
	_must_check_;
/* One that the guest asks for by request, and gets: it owes RESPONSE. The same ownership. */
struct vsock_connection *vsock_connection_new_guest(const struct vsock_header *request, int fd,
						    uint32_t buf_alloc) _must_check_;
/* Closes fd, after one last try to write what is pending. NULL is fine. */
void vsock_connection_free(struct vsock_connection *conn);

/* A packet of this connection came from the guest. Not for LINGERING or DEAD ones. */
void vsock_connection_recv(struct vsock_connection *conn, const struct vsock_packet *packet);

/* The EPOLL* bits to watch fd for, or -1 for not at all (0 still reports EPOLLHUP). */
int vsock_connection_events(const struct vsock_connection *conn) _must_check_;
/* fd has these EPOLL* bits. */
void vsock_connection_handle(struct vsock_connection *conn, uint32_t events);

/* True if there is something to send to the guest: a packet owed, or bytes to read from fd. */
bool vsock_connection_is_ready(const struct vsock_connection *conn) _must_check_;
/* Takes the next packet owed; owes must not be 0. */
void vsock_connection_next(struct vsock_connection *conn, struct vsock_header *ret_header);

/* How many bytes the guest has room for. Where that is none, it is asked for credit. */
uint32_t vsock_connection_credit(struct vsock_connection *conn) _must_check_;
/*
 * Reads from fd into iov. Returns how many bytes, each to be sent by vsock_connection_data(), or 0:
 * there is nothing (more) to read, or the host closed, and conn now owes the guest what that means.
 */
size_t vsock_connection_read(struct vsock_connection *conn, const struct iovec *iov, size_t n)
	_must_check_;
/* The header of a packet with len_bytes of what was read; takes the credit. */
void vsock_connection_data(struct vsock_connection *conn, uint32_t len_bytes,
			   struct vsock_header *ret_header);

/* The guest is gone: lingers if bytes are pending, else DEAD. */
void vsock_connection_orphan(struct vsock_connection *conn);
/* Its state has lasted too long: RST to a guest that knows of it, else DEAD. */
void vsock_connection_expire(struct vsock_connection *conn);

#endif
