/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the network tests and benchmarks send: a server that takes, gives and echoes bytes whose
 * pattern both sides know, the same in a guest and on the host, and its client.
 */
#ifndef KATA_LIKE_TESTS_KVM_NET_LOAD_H
#define KATA_LIKE_TESTS_KVM_NET_LOAD_H

#include <stddef.h>
#include <stdint.h>

#define NET_LOAD_PORT 7000

/* What a client asks for, first thing on a connection. Both are x86. */
struct net_load_request {
	char op; /* 't'ake, 'g'ive or 'e'cho bytes, or one of the caller's of net_load_serve() */
	char text[63];	  /* of the latter */
	uint64_t bytes;	  /* in all */
	uint32_t at_once; /* bytes a call; those of one echo */
};

/* Answers an operation that is none of the above with a line of text. */
typedef void net_load_other_fn(const struct net_load_request *request, char *ret_line, size_t size);

/* Serves TCP and UDP for ever, a process a connection. */
int net_load_serve(net_load_other_fn *other);

#endif
