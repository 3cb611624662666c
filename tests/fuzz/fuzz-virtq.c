/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtqueue over arbitrary memory. Input: size, desc, avail, used, next available index (2
 * bytes each), event index (1), N_OPS operations (1 each), then the guest's memory from address 0
 * on.
 */
#include "tests/fuzz/input.h"
#include "vmm/virtio/virtq.h"

#define HOLE_START 0x8000u
#define HOLE_END   0xa000u
#define N_OPS	   32

static struct guestmem mem;

static void fill_memory(struct fuzz_input *input)
{
	for (size_t i = 0; i < mem.n_regions; i++)
		fuzz_take(input, mem.regions[i].host, mem.regions[i].size_bytes);
}

static bool is_guest_memory(const struct iovec *buffer)
{
	const uint8_t *at = buffer->iov_base;

	for (size_t i = 0; i < mem.n_regions; i++) {
		const struct guestmem_region *region = &mem.regions[i];

		if (at >= region->host && at < region->host + region->size_bytes)
			return buffer->iov_len <= (size_t)(region->host + region->size_bytes - at);
	}
	return false;
}

/* The contract of struct virtq_chain. */
static void check_chain(const struct virtq *vq, const struct virtq_chain *chain)
{
	uint64_t out_bytes = 0, in_bytes = 0;
	unsigned n = (unsigned)chain->n_out + chain->n_in;

	FUZZ_CHECK(chain->head < vq->state.size);
	FUZZ_CHECK(n >= 1 && n <= VIRTQ_CHAIN_MAX);
	for (unsigned i = 0; i < n; i++) {
		FUZZ_CHECK(chain->iov[i].iov_len >= 1);
		FUZZ_CHECK(is_guest_memory(&chain->iov[i]));
		*(i < chain->n_out ? &out_bytes : &in_bytes) += chain->iov[i].iov_len;
	}
	FUZZ_CHECK(out_bytes == chain->out_bytes && in_bytes == chain->in_bytes);
}

static void use_chain(const struct virtq_chain *chain)
{
	uint8_t bytes[24];

	FUZZ_CHECK(virtq_chain_read(chain, 0, bytes, sizeof(bytes)) ==
		   (chain->out_bytes >= sizeof(bytes)));
	FUZZ_CHECK(!virtq_chain_read(chain, chain->out_bytes, bytes, 1));
	if (chain->in_bytes > 0)
		FUZZ_CHECK(virtq_chain_write(chain, chain->in_bytes - 1, bytes, 1));
	FUZZ_CHECK(!virtq_chain_write(chain, chain->in_bytes, bytes, 1));
}

static void run(struct virtq *vq, const uint8_t ops[N_OPS])
{
	static struct virtq_chain chain;

	for (unsigned i = 0; i < N_OPS; i++) {
		int r = virtq_pop(vq, &chain);

		FUZZ_CHECK((r == VIRTQ_E_BROKEN) == (vq->broken != NULL));
		if (r == 0) {
			check_chain(vq, &chain);
			use_chain(&chain);
			if (ops[i] & 1)
				FUZZ_CHECK(virtq_push(vq, chain.head, chain.in_bytes) == 0);
			else if (ops[i] & 2)
				virtq_unpop(vq, chain.head);
		}
		if (ops[i] & 4)
			(void)!virtq_should_signal(vq);
		(void)virtq_arm(vq, ops[i] & 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	uint8_t ops[N_OPS];
	struct virtq vq;

	if (mem.n_regions == 0 &&
	    guestmem_init(&mem, 2 * HOLE_START, HOLE_START, HOLE_END, NULL) < 0)
		return 0;
	virtq_init(&vq, &mem);
	vq.state.size = fuzz_take16(&input);
	vq.state.desc = fuzz_take16(&input);
	vq.state.avail = fuzz_take16(&input);
	vq.state.used = fuzz_take16(&input);
	vq.state.avail_next = fuzz_take16(&input);
	vq.state.event_idx = fuzz_take8(&input) & 1;
	fuzz_take(&input, ops, sizeof(ops));
	fill_memory(&input);
	if (virtq_enable(&vq) == 0)
		run(&vq, ops);
	else
		FUZZ_CHECK(vq.broken && !vq.state.ready);
	return 0;
}
