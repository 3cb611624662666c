/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The split virtqueue (virtio 1.2, 2.7), device side.
 *
 * Memory order. The driver fills descriptors and ring entries, then publishes them by its available
 * index: that index is loaded with acquire, so that what is read afterwards is at least as new. We
 * fill a used entry, then store the used index with release. Where each side writes one word and
 * then reads the other's ("I pushed; do you want to know?", "I sleep; did you add something?")
 * neither suffices, and a full fence stands between the two.
 */
#include "vmm/virtio/virtq.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define DESC_F_NEXT	1u
#define DESC_F_WRITE	2u
#define DESC_F_INDIRECT 4u

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY     ((uint16_t)1)

/* Both rings begin with flags and index; behind the entries stands the other side's event index. */
#define RING_FLAGS   0u
#define RING_INDEX   2u
#define RING_ENTRIES 4u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct used_entry {
	uint32_t id;
	uint32_t len;
};

_Static_assert(sizeof(struct desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(sizeof(struct used_entry) == 8, "virtio 1.2, 2.7.8");

/* The rings are aligned to at least 2 bytes, which virtq_enable() checked, as all fields here are.
 */
static uint16_t load16(const uint8_t *ring, size_t offset)
{
	return __atomic_load_n((const uint16_t *)(const void *)(ring + offset), __ATOMIC_ACQUIRE);
}

static void store16(uint8_t *ring, size_t offset, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)(ring + offset), value, __ATOMIC_RELEASE);
}

static size_t avail_bytes(uint16_t size)
{
	return RING_ENTRIES + 2u * size + 2u;
}

static size_t used_bytes(uint16_t size)
{
	return RING_ENTRIES + sizeof(struct used_entry) * size + 2u;
}

static uint16_t used_event(const struct virtq *vq)
{
	return load16(vq->avail, avail_bytes(vq->state.size) - 2u);
}

static int break_queue(struct virtq *vq, const char *why)
{
	vq->broken = why;
	return VIRTQ_E_BROKEN;
}

static bool is_usable(const struct virtq *vq)
{
	return vq->state.ready && !vq->broken && vq->desc;
}

static bool is_in_flight(const struct virtq *vq, uint16_t head)
{
	return vq->in_flight[head / 8u] & (1u << head % 8u);
}

static void set_in_flight(struct virtq *vq, uint16_t head, bool on)
{
	uint8_t bit = (uint8_t)(1u << head % 8u);

	if (on)
		vq->in_flight[head / 8u] |= bit;
	else
		vq->in_flight[head / 8u] &= (uint8_t)~bit;
}

void virtq_init(struct virtq *vq, const struct guestmem *mem)
{
	*vq = (struct virtq){ .mem = mem };
}

void virtq_reset(struct virtq *vq)
{
	virtq_init(vq, vq->mem);
}

int virtq_enable(struct virtq *vq)
{
	const struct virtq_state *state = &vq->state;
	uint16_t size = state->size;

	if (size == 0 || size > VIRTQ_SIZE_MAX || (size & (size - 1)) != 0)
		return break_queue(vq, "queue size is not a power of two within bounds");
	if (state->desc % 16 != 0 || state->avail % 2 != 0 || state->used % 4 != 0)
		return break_queue(vq, "a ring is misaligned");
	vq->desc = guestmem_at(vq->mem, state->desc, sizeof(struct desc) * size);
	vq->avail = guestmem_at(vq->mem, state->avail, avail_bytes(size));
	vq->used = guestmem_at(vq->mem, state->used, used_bytes(size));
	if (!vq->desc || !vq->avail || !vq->used) {
		vq->desc = vq->avail = vq->used = NULL;
		return break_queue(vq, "a ring lies outside memory");
	}
	vq->state.ready = true;
	return 0;
}

/* One descriptor table: the queue's own, or an indirect one. */
struct table {
	const uint8_t *host;
	uint32_t n_entries;
	bool indirect;
};

static void copy_desc(const struct table *table, uint32_t index, struct desc *ret_desc)
{
	memcpy(ret_desc, table->host + sizeof(struct desc) * (size_t)index, sizeof(*ret_desc));
	/* The one look: what is decided from here on must not come from the guest's memory again.
	 */
	__asm__ volatile("" ::: "memory");
}

static int enter_indirect(struct virtq *vq, const struct desc *desc, struct table *table)
{
	if (table->indirect)
		return break_queue(vq, "an indirect table inside an indirect table");
	if (desc->flags & DESC_F_NEXT)
		return break_queue(vq, "a descriptor that is indirect and has a next one");
	if (desc->len == 0 || desc->len % sizeof(struct desc) != 0)
		return break_queue(vq, "the length of an indirect table");
	table->host = guestmem_at(vq->mem, desc->addr, desc->len);
	if (!table->host)
		return break_queue(vq, "an indirect table outside memory");
	table->n_entries = desc->len / (uint32_t)sizeof(struct desc);
	table->indirect = true;
	return 0;
}

static int add_buffer(struct virtq *vq, const struct desc *desc, struct virtq_chain *chain)
{
	bool writable = desc->flags & DESC_F_WRITE;
	uint32_t *sum = writable ? &chain->in_bytes : &chain->out_bytes;
	unsigned n = (unsigned)chain->n_out + chain->n_in;
	void *host;

	if (n == VIRTQ_CHAIN_MAX)
		return break_queue(vq, "a chain with too many buffers");
	if (!writable && chain->n_in > 0)
		return break_queue(vq, "a readable buffer behind a writable one");
	if (desc->len == 0)
		return break_queue(vq, "a buffer of length 0");
	host = guestmem_at(vq->mem, desc->addr, desc->len);
	if (!host)
		return break_queue(vq, "a buffer outside memory");
	if (__builtin_add_overflow(*sum, desc->len, sum))
		return break_queue(vq, "a chain of 4 GiB or more");
	chain->iov[n] = (struct iovec){ .iov_base = host, .iov_len = desc->len };
	if (writable)
		chain->n_in++;
	else
		chain->n_out++;
	return 0;
}

/*
 * Follows the chain from chain->head. Each step but the one into an indirect table adds a buffer,
 * and there is one such step at most, so VIRTQ_CHAIN_MAX ends loops; visiting more entries than a
 * table has proves one earlier.
 */
static int walk(struct virtq *vq, struct virtq_chain *chain)
{
	struct table table = { .host = vq->desc, .n_entries = vq->state.size };
	uint32_t index = chain->head, visited = 0;
	struct desc desc;
	int r;

	for (;;) {
		if (visited++ == table.n_entries)
			return break_queue(vq, "a chain that loops");
		copy_desc(&table, index, &desc);
		if (desc.flags & DESC_F_INDIRECT) {
			r = enter_indirect(vq, &desc, &table);
			index = visited = 0;
			if (r != 0)
				return r;
			continue;
		}
		r = add_buffer(vq, &desc, chain);
		if (r != 0 || !(desc.flags & DESC_F_NEXT))
			return r;
		if (desc.next >= table.n_entries)
			return break_queue(vq, "a next descriptor beyond the table");
		index = desc.next;
	}
}

int virtq_take(struct virtq *vq, uint16_t head, struct virtq_chain *ret_chain)
{
	int r;

	if (head >= vq->state.size)
		return break_queue(vq, "a head beyond the queue");
	if (is_in_flight(vq, head))
		return break_queue(vq, "a head that is in flight already");
	ret_chain->head = head;
	ret_chain->n_out = ret_chain->n_in = 0;
	ret_chain->out_bytes = ret_chain->in_bytes = 0;
	r = walk(vq, ret_chain);
	if (r == 0)
		set_in_flight(vq, head, true);
	return r;
}

static uint16_t avail_entry(const struct virtq *vq, uint16_t index)
{
	return load16(vq->avail, RING_ENTRIES + 2u * (index & (vq->state.size - 1u)));
}

int virtq_pop(struct virtq *vq, struct virtq_chain *ret_chain)
{
	struct virtq_state *state = &vq->state;
	uint16_t available;
	int r;

	if (vq->broken)
		return VIRTQ_E_BROKEN;
	if (!is_usable(vq))
		return VIRTQ_E_EMPTY;
	available = (uint16_t)(load16(vq->avail, RING_INDEX) - state->avail_next);
	if (available == 0)
		return VIRTQ_E_EMPTY;
	if (available > state->size)
		return break_queue(vq, "an available index further ahead than the queue is long");
	r = virtq_take(vq, avail_entry(vq, state->avail_next), ret_chain);
	if (r == 0)
		state->avail_next++;
	return r;
}

static uint16_t used_entry_head(const struct virtq *vq, uint16_t index)
{
	uint16_t slot = (uint16_t)(index & (vq->state.size - 1u));
	struct used_entry entry;

	memcpy(&entry, vq->used + RING_ENTRIES + sizeof(entry) * slot, sizeof(entry));
	return (uint16_t)MIN(entry.id, (uint32_t)UINT16_MAX);
}

/*
 * Counts the last n_taken heads that were made available, less the last n_given that were used.
 * True if that leaves each head at most once, as it must where the latter are all from the former.
 */
static bool count_heads(const struct virtq *vq, uint16_t avail_end, uint16_t n_taken,
			uint16_t used_end, uint16_t n_given, int16_t count[VIRTQ_SIZE_MAX])
{
	memset(count, 0, sizeof(int16_t) * VIRTQ_SIZE_MAX);
	for (uint16_t i = 1; i <= n_taken; i++) {
		uint16_t head = avail_entry(vq, (uint16_t)(avail_end - i));

		if (head >= vq->state.size)
			return false;
		count[head]++;
	}
	for (uint16_t i = 1; i <= n_given; i++) {
		uint16_t head = used_entry_head(vq, (uint16_t)(used_end - i));

		if (head >= vq->state.size)
			return false;
		count[head]--;
	}
	for (uint16_t head = 0; head < vq->state.size; head++)
		if (count[head] < 0 || count[head] > 1)
			return false;
	return true;
}

/*
 * Chains are given back in any order, and the rings remember as many events as the queue is long.
 * So the two rings are compared as far back as they agree with each other.
 */
int virtq_recover(struct virtq *vq, uint16_t *ret_heads, unsigned *ret_n)
{
	struct virtq_state *state = &vq->state;
	uint16_t avail_end, used_end, missing, n_taken = state->size;
	int16_t count[VIRTQ_SIZE_MAX];

	*ret_n = 0;
	if (!is_usable(vq))
		return VIRTQ_E_BROKEN;
	used_end = load16(vq->used, RING_INDEX);
	avail_end = load16(vq->avail, RING_INDEX);
	missing = (uint16_t)(avail_end - used_end);
	if (missing > state->size)
		return break_queue(vq, "rings that contradict each other");
	while (!count_heads(vq, avail_end, n_taken, used_end, (uint16_t)(n_taken - missing), count))
		if (n_taken-- == missing)
			return break_queue(vq, "rings that contradict each other");
	state->avail_next = avail_end;
	state->used_next = state->used_signalled = used_end;
	for (uint16_t head = 0; head < state->size && *ret_n < missing; head++)
		if (count[head] == 1)
			ret_heads[(*ret_n)++] = head;
	return 0;
}

void virtq_unpop(struct virtq *vq, uint16_t head)
{
	assert(is_in_flight(vq, head));
	set_in_flight(vq, head, false);
	vq->state.avail_next--;
}

int virtq_stage(struct virtq *vq, uint16_t head, uint32_t written_bytes)
{
	struct virtq_state *state = &vq->state;
	struct used_entry entry = { .id = head, .len = written_bytes };
	uint16_t slot = (uint16_t)(state->used_next & (state->size - 1u));

	if (!is_usable(vq))
		return VIRTQ_E_BROKEN;
	assert(is_in_flight(vq, head));
	set_in_flight(vq, head, false);
	memcpy(vq->used + RING_ENTRIES + sizeof(entry) * slot, &entry, sizeof(entry));
	state->used_next++;
	return 0;
}

void virtq_publish(struct virtq *vq)
{
	if (is_usable(vq))
		store16(vq->used, RING_INDEX, vq->state.used_next);
}

int virtq_push(struct virtq *vq, uint16_t head, uint32_t written_bytes)
{
	int r = virtq_stage(vq, head, written_bytes);

	if (r == 0)
		virtq_publish(vq);
	return r;
}

/* True if event is one of the indexes [old, new): virtio 1.2, 2.7.10. */
static bool has_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1u) < (uint16_t)(new - old);
}

bool virtq_should_signal(struct virtq *vq)
{
	struct virtq_state *state = &vq->state;
	uint16_t old = state->used_signalled, new = state->used_next;

	if (!is_usable(vq) || old == new)
		return false;
	state->used_signalled = new;
	atomic_thread_fence(memory_order_seq_cst);
	if (state->event_idx)
		return has_passed(used_event(vq), new, old);
	return !(load16(vq->avail, RING_FLAGS) & AVAIL_F_NO_INTERRUPT);
}

bool virtq_arm(struct virtq *vq, bool arm)
{
	const struct virtq_state *state = &vq->state;

	if (!is_usable(vq))
		return false;
	/* With event indexes one that has passed keeps quiet by itself: nothing to do to disarm. */
	if (!state->event_idx)
		store16(vq->used, RING_FLAGS, arm ? 0 : USED_F_NO_NOTIFY);
	else if (arm)
		store16(vq->used, used_bytes(state->size) - 2u, state->avail_next);
	if (!arm)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	return load16(vq->avail, RING_INDEX) != state->avail_next;
}

/* Copies between the guest's n buffers, skip bytes in, and ours. False if they are too short. */
static bool copy(const struct iovec *iov, unsigned n, uint32_t skip_bytes, uint8_t *to,
		 const uint8_t *from, uint32_t len_bytes)
{
	size_t skip = skip_bytes, left = len_bytes;

	for (unsigned i = 0; i < n && left > 0; i++) {
		size_t part;

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part = MIN(iov[i].iov_len - skip, left);
		if (to) {
			memcpy(to, (uint8_t *)iov[i].iov_base + skip, part);
			to += part;
		} else {
			memcpy((uint8_t *)iov[i].iov_base + skip, from, part);
			from += part;
		}
		left -= part;
		skip = 0;
	}
	__asm__ volatile("" ::: "memory");
	return left == 0;
}

bool virtq_chain_read(const struct virtq_chain *chain, uint32_t skip_bytes, void *dst,
		      uint32_t len_bytes)
{
	if (skip_bytes > chain->out_bytes || len_bytes > chain->out_bytes - skip_bytes)
		return false;
	return copy(chain->iov, chain->n_out, skip_bytes, dst, NULL, len_bytes);
}

bool virtq_chain_write(const struct virtq_chain *chain, uint32_t skip_bytes, const void *src,
		       uint32_t len_bytes)
{
	if (skip_bytes > chain->in_bytes || len_bytes > chain->in_bytes - skip_bytes)
		return false;
	return copy(chain->iov + chain->n_out, chain->n_in, skip_bytes, NULL, src, len_bytes);
}
