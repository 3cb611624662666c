/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte queue in one allocation. */
#include "lib/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define BYTES_KEEP 4096u

void bytes_fini(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}

uint8_t *bytes_reserve(struct bytes *bytes, size_t len)
{
	size_t needed = bytes->len + len;

	if (needed < len)
		return NULL;
	if (bytes->start + needed <= bytes->room)
		return bytes_front(bytes) + bytes->len;
	if (bytes->start > 0) {
		memmove(bytes->data, bytes_front(bytes), bytes->len);
		bytes->start = 0;
	}
	if (needed > bytes->room) {
		size_t room = MAX(needed, bytes->room + bytes->room / 2);
		uint8_t *data = realloc(bytes->data, room);

		if (!data)
			return NULL;
		bytes->data = data;
		bytes->room = room;
	}
	return bytes->data + bytes->len;
}

void bytes_commit(struct bytes *bytes, size_t len)
{
	assert(bytes->start + bytes->len + len <= bytes->room);
	bytes->len += len;
}

int bytes_append(struct bytes *bytes, const void *data, size_t len)
{
	uint8_t *to = bytes_reserve(bytes, len);

	if (!to && len > 0)
		return -ENOMEM;
	if (len > 0)
		memcpy(to, data, len);
	bytes->len += len;
	return 0;
}

void bytes_consume(struct bytes *bytes, size_t len)
{
	assert(len <= bytes->len);
	bytes->start += len;
	bytes->len -= len;
	if (bytes->len > 0)
		return;
	bytes->start = 0;
	if (bytes->room > BYTES_KEEP)
		bytes_fini(bytes);
}
