/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections of one vsock device: found by their two ports, and bounded in number, as each has
 * a descriptor and may have bytes pending.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_VSOCK_TABLE_H
#define KATA_LIKE_VMM_VIRTIO_VSOCK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"
#include "vmm/virtio/vsock-connection.h"

#define VSOCK_CONNECTIONS_MAX 1024u
#define VSOCK_TABLE_BUCKETS   256u

/* So many get VSOCK_BUFFER_LARGE, those beyond VSOCK_BUFFER_SMALL: at most 31 MiB are ever pending.
 */
#define VSOCK_LARGE_MAX 64u

/* The ports of the host's own connections come from [VSOCK_HOST_PORT_FIRST, VSOCK_HOST_PORT_LAST].
 */
#define VSOCK_HOST_PORT_FIRST 0x40000000u
#define VSOCK_HOST_PORT_LAST  0x7fffffffu

/* Zeroed is empty, but for next_host_port. */
struct vsock_table {
	struct vsock_connection *buckets[VSOCK_TABLE_BUCKETS];
	struct vsock_connection *all; /* lingering ones too */
	unsigned count;
	uint32_t next_host_port;
};

static inline bool vsock_table_is_full(const struct vsock_table *table)
{
	return table->count >= VSOCK_CONNECTIONS_MAX;
}

/* The connection with these ports, or NULL. */
struct vsock_connection *vsock_table_find(const struct vsock_table *table, uint32_t guest_port,
					  uint32_t host_port) _must_check_;

/* A port of the host that has no connection with guest_port yet. */
uint32_t vsock_table_host_port(struct vsock_table *table, uint32_t guest_port) _must_check_;

/* The buffer that the next connection promises its guest. */
uint32_t vsock_table_buffer(const struct vsock_table *table) _must_check_;

/* The table must not be full, nor have a connection with the same ports. Borrows conn. */
void vsock_table_add(struct vsock_table *table, struct vsock_connection *conn);
/* No longer found, so that its ports may be used anew; still counted. */
void vsock_table_hide(struct vsock_table *table, struct vsock_connection *conn);
void vsock_table_remove(struct vsock_table *table, struct vsock_connection *conn);

#endif
