/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SOCK_SEQPACKET pair between shim and VMM, over which vsock connections are handed across.
 *Each packet is one struct vsock_link_message with exactly one stream socket attached:
 *
 *	shim to VMM	connect this descriptor to that port of the guest; the VMM closes it when
 *the guest refuses VMM to shim	the guest connected to that port of the host (CID 2); closing the
 *descriptor refuses or ends the connection
 *
 * A packet of another size, or without a descriptor, is dropped.
 */
#ifndef KATA_LIKE_PROTO_VSOCK_LINK_H
#define KATA_LIKE_PROTO_VSOCK_LINK_H

#include <stdint.h>

struct vsock_link_message {
	uint32_t port;
};

/* The guest's port on which the agent serves its ttrpc API. */
#define VSOCK_PORT_AGENT 1024u

/*
 * The host's port that the agent connects to once it serves VSOCK_PORT_AGENT; the connection is
 * closed at once and carries nothing. (So the shim need not poll a guest that is still booting.)
 */
#define VSOCK_PORT_READY 1024u

/*
 * The host's port at which an agent that cannot go on says why: one line of text, up to 512 bytes,
 * and the end. The host closes once it has it, for which the agent waits before it ends the VM.
 */
#define VSOCK_PORT_LAST_WORDS 1026u

/*
 * The guest's port at which the agent connects streams to the guest's own localhost. A connection
 * begins with a struct vsock_forward_request from the host, which the agent answers with one int32:
 * 0, and the bytes of the stream follow both ways, or the errno of the failed connect, and the end.
 */
#define VSOCK_PORT_FORWARD 1025u

struct vsock_forward_request {
	uint16_t port;	/* TCP, of 127.0.0.1 or ::1, in the host's byte order as all here */
	uint8_t ipv6;	/* the family to try first */
	uint8_t unused; /* 0 */
};

/* The host's ports from here up are stdio streams, named by the shim in each request. */
#define VSOCK_PORT_STDIO_FIRST 0x10000u

/* The guest's CID. Each VM has a vsock of its own, so all may be the same. */
#define VSOCK_GUEST_CID 3u

#endif
