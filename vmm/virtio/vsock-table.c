/* SPDX-License-Identifier: Apache-2.0 */
/* The connections of one vsock device, in a hash table over both ports. */
#include "vmm/virtio/vsock-table.h"

#include <assert.h>

static unsigned bucket_of(uint32_t guest_port, uint32_t host_port)
{
	uint32_t hash = (guest_port ^ (host_port << 16 | host_port >> 16)) * 0x9e3779b1u;

	return hash >> 24;
}

_Static_assert(VSOCK_TABLE_BUCKETS == 1u << (32 - 24), "bucket_of() yields one of 256");

struct vsock_connection *vsock_table_find(const struct vsock_table *table, uint32_t guest_port,
					  uint32_t host_port)
{
	struct vsock_connection *conn = table->buckets[bucket_of(guest_port, host_port)];

	while (conn && (conn->guest_port != guest_port || conn->host_port != host_port))
		conn = conn->hash_next;
	return conn;
}

uint32_t vsock_table_host_port(struct vsock_table *table, uint32_t guest_port)
{
	uint32_t port;

	/* There are far more ports than connections. */
	do {
		if (table->next_host_port < VSOCK_HOST_PORT_FIRST ||
		    table->next_host_port > VSOCK_HOST_PORT_LAST)
			table->next_host_port = VSOCK_HOST_PORT_FIRST;
		port = table->next_host_port++;
	} while (vsock_table_find(table, guest_port, port));
	return port;
}

uint32_t vsock_table_buffer(const struct vsock_table *table)
{
	return table->count < VSOCK_LARGE_MAX ? VSOCK_BUFFER_LARGE : VSOCK_BUFFER_SMALL;
}

void vsock_table_add(struct vsock_table *table, struct vsock_connection *conn)
{
	struct vsock_connection **bucket =
		&table->buckets[bucket_of(conn->guest_port, conn->host_port)];

	assert(!vsock_table_is_full(table));
	conn->hash_next = *bucket;
	*bucket = conn;
	conn->hashed = true;
	conn->all_prev = NULL;
	conn->all_next = table->all;
	if (table->all)
		table->all->all_prev = conn;
	table->all = conn;
	table->count++;
}

void vsock_table_hide(struct vsock_table *table, struct vsock_connection *conn)
{
	struct vsock_connection **link =
		&table->buckets[bucket_of(conn->guest_port, conn->host_port)];

	if (!conn->hashed)
		return;
	while (*link != conn)
		link = &(*link)->hash_next;
	*link = conn->hash_next;
	conn->hash_next = NULL;
	conn->hashed = false;
}

void vsock_table_remove(struct vsock_table *table, struct vsock_connection *conn)
{
	vsock_table_hide(table, conn);
	if (conn->all_prev)
		conn->all_prev->all_next = conn->all_next;
	else
		table->all = conn->all_next;
	if (conn->all_next)
		conn->all_next->all_prev = conn->all_prev;
	table->count--;
}
