/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What virtio-net reads of chains, and what it reads from a stream socket. Input: what to do (1
 * byte: 0 a frame, 1 a control command, else frames of a stream), then for the first two the
 * features (8 bytes), and for each buffer its length (2; the top bit: writable), a length of 0
 * ending the list, and what the readable ones contain; for the third the room for a frame (2) and
 * all that the other side sends.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/fd.h"
#include "tests/fuzz/input.h"
#include "vmm/virtio/net-socket.h"
#include "vmm/virtio/net-control.h"
#include "vmm/virtio/net-frame.h"

#define WRITABLE   0x8000u
#define MAX_PAIRS  4
#define STREAM_MAX 4096u
#define PARTS	   7u
#define ROUNDS_MAX 2000u

static struct virtq_chain chain;

static bool add_buffer(uint16_t descriptor)
{
	uint32_t len = descriptor & ~WRITABLE;
	unsigned n = (unsigned)chain.n_out + chain.n_in;
	uint8_t *bytes;

	if (len == 0 || n == VIRTQ_CHAIN_MAX || (!(descriptor & WRITABLE) && chain.n_in > 0))
		return false;
	bytes = calloc(1, len);
	FUZZ_CHECK(bytes);
	chain.iov[n] = (struct iovec){ bytes, len };
	if (descriptor & WRITABLE) {
		chain.n_in++;
		chain.in_bytes += len;
	} else {
		chain.n_out++;
		chain.out_bytes += len;
	}
	return true;
}

/* Each buffer is an allocation of its own, so that a byte too far is seen. */
static void take_chain(struct fuzz_input *input)
{
	chain.n_out = chain.n_in = 0;
	chain.out_bytes = chain.in_bytes = 0;
	while (add_buffer(fuzz_take16(input)))
		;
	for (unsigned i = 0; i < chain.n_out; i++)
		fuzz_take(input, chain.iov[i].iov_base, chain.iov[i].iov_len);
}

static void free_chain(void)
{
	for (unsigned i = 0; i < (unsigned)chain.n_out + chain.n_in; i++)
		free(chain.iov[i].iov_base);
}

/* The contract of struct net_frame, and what the kernel relies on. */
static void check_frame(const struct net_frame *frame, uint64_t features)
{
	const struct net_header *header = &frame->header;
	uint32_t sum = 0;

	FUZZ_CHECK(frame->bytes >= NET_FRAME_MIN && frame->bytes <= NET_FRAME_MAX);
	FUZZ_CHECK(frame->n_iov >= 2 && frame->iov[0].iov_base == header);
	for (unsigned i = 1; i < frame->n_iov; i++) {
		const volatile uint8_t *bytes = frame->iov[i].iov_base;

		FUZZ_CHECK(frame->iov[i].iov_len > 0);
		(void)bytes[0];
		(void)bytes[frame->iov[i].iov_len - 1];
		sum += (uint32_t)frame->iov[i].iov_len;
	}
	FUZZ_CHECK(sum == frame->bytes);
	FUZZ_CHECK((header->flags & ~NET_HEADER_NEEDS_CHECKSUM) == 0 && header->n_buffers == 0);
	if (header->flags) {
		FUZZ_CHECK(features & NET_F_CSUM);
		FUZZ_CHECK((uint32_t)header->checksum_start + header->checksum_offset + 2 <= sum);
	}
	if (header->gso_type != NET_GSO_NONE) {
		FUZZ_CHECK(header->flags && header->gso_bytes > 0 && header->header_bytes <= sum);
		FUZZ_CHECK(features & (NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_USO));
	}
}

static void try_frame(struct fuzz_input *input)
{
	static struct net_frame frame;
	uint64_t features = fuzz_take64(input);

	take_chain(input);
	if (net_frame_parse(&chain, features, &frame))
		check_frame(&frame, features);
	free_chain();
}

static void check_control(const struct net_control *control, uint64_t features)
{
	const struct net_filter *filter = &control->filter;

	FUZZ_CHECK(filter->n_unicast <= NET_FILTER_ADDRESSES_MAX &&
		   filter->n_multicast <= NET_FILTER_ADDRESSES_MAX);
	(void)!net_filter_passes(filter, filter->mac);
	if (control->op == NET_CONTROL_PAIRS)
		FUZZ_CHECK(control->n_pairs >= 1 && control->n_pairs <= MAX_PAIRS);
	if (control->op == NET_CONTROL_OFFLOADS)
		FUZZ_CHECK((control->offloads & ~(features & NET_F_GUEST_OFFLOADS)) == 0);
}

static void try_control(struct fuzz_input *input)
{
	static const uint8_t mac[NET_MAC_BYTES] = { 2 };
	static struct net_control control;
	static struct net_filter filter;
	uint64_t features = fuzz_take64(input);

	take_chain(input);
	net_filter_init(&filter, mac);
	if (net_control_parse(&chain, features, MAX_PAIRS, &filter, &control))
		check_control(&control, features);
	free_chain();
}

/* Frames are read until the stream ends, which it does: the other side is closed. */
static void read_frames(struct net_backend *stream, uint32_t room)
{
	struct iovec parts[PARTS + 1] = { { 0 } };
	unsigned n = 0;

	for (uint32_t left = room; left > 0; n++) {
		uint32_t part = n + 1 == PARTS ? left : MIN(left, room / PARTS + 1);

		parts[n] = (struct iovec){ malloc(part), part };
		FUZZ_CHECK(parts[n].iov_base);
		left -= part;
	}
	for (unsigned round = 0; round < ROUNDS_MAX; round++) {
		ssize_t got = stream->ops->receive(stream, parts, n, room);

		FUZZ_CHECK(got == -EMSGSIZE || got == -ENETDOWN ||
			   (got >= (ssize_t)(NET_HEADER_BYTES + NET_FRAME_MIN) &&
			    got <= (ssize_t)room));
		if (got == -ENETDOWN)
			break;
		if (round % 3 == 2)
			stream->ops->forget(stream);
	}
	for (unsigned i = 0; i < n; i++)
		free(parts[i].iov_base);
}

static void try_stream(struct fuzz_input *input)
{
	uint32_t room = fuzz_take16(input);
	size_t len = MIN(input->left, (size_t)STREAM_MAX);
	struct net_backend *stream;
	int pair[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	FUZZ_CHECK(fd_write_full(pair[1], input->bytes, len) == 0);
	close(pair[1]);
	FUZZ_CHECK(net_stream_new(pair[0], &stream) == 0);
	read_frames(stream, MAX(room, 1u));
	stream->ops->free(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };

	switch (fuzz_take8(&input)) {
	case 0:
		try_frame(&input);
		break;
	case 1:
		try_control(&input);
		break;
	default:
		try_stream(&input);
		break;
	}
	return 0;
}
