/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of block requests. */
#include "vmm/virtio/block-request.h"

#include <string.h>

/* Types (virtio 1.2, 5.2.6). */
#define TYPE_READ	  0u
#define TYPE_WRITE	  1u
#define TYPE_FLUSH	  4u
#define TYPE_GET_ID	  8u
#define TYPE_DISCARD	  11u
#define TYPE_WRITE_ZEROES 13u

#define ERASE_F_UNMAP 1u

struct header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

struct erase_range {
	uint64_t sector;
	uint32_t n_sectors;
	uint32_t flags;
};

_Static_assert(sizeof(struct header) == 16, "virtio 1.2, 5.2.6");
_Static_assert(sizeof(struct erase_range) == 16, "virtio 1.2, 5.2.6");

/* The part [skip, skip + len) of n buffers, which have that many bytes. Framing is the driver's
 * choice. */
static void slice(struct block_request *request, const struct iovec *iov, unsigned n, size_t skip,
		  size_t len)
{
	request->n_iov = 0;
	for (unsigned i = 0; i < n && len > 0; i++) {
		struct iovec *part = &request->iov[request->n_iov];

		if (skip >= iov[i].iov_len) {
			skip -= iov[i].iov_len;
			continue;
		}
		part->iov_base = (uint8_t *)iov[i].iov_base + skip;
		part->iov_len = MIN(iov[i].iov_len - skip, len);
		len -= part->iov_len;
		skip = 0;
		request->n_iov++;
	}
}

static enum block_status set_range(struct block_request *request, const struct block_limits *limits,
				   uint64_t sector, uint64_t n_sectors)
{
	/* By sectors and by subtraction: neither sector * 512 nor sector + n_sectors can overflow
	 * then. */
	if (n_sectors == 0 || sector > limits->n_sectors || n_sectors > limits->n_sectors - sector)
		return BLOCK_IO_ERROR;
	request->offset_bytes = sector * BLOCK_SECTOR_BYTES;
	request->len_bytes = n_sectors * BLOCK_SECTOR_BYTES;
	return BLOCK_OK;
}

static enum block_status parse_transfer(const struct virtq_chain *chain,
					const struct block_limits *limits, uint64_t sector,
					struct block_request *request)
{
	bool write = request->op == BLOCK_OP_WRITE;
	uint32_t len =
		write ? chain->out_bytes - (uint32_t)sizeof(struct header) : request->room_bytes;

	if (write && limits->read_only)
		return BLOCK_IO_ERROR;
	if (len % BLOCK_SECTOR_BYTES != 0)
		return BLOCK_IO_ERROR;
	if (write)
		slice(request, chain->iov, chain->n_out, sizeof(struct header), len);
	else
		slice(request, chain->iov + chain->n_out, chain->n_in, 0, len);
	return set_range(request, limits, sector, len / BLOCK_SECTOR_BYTES);
}

static enum block_status parse_get_id(const struct virtq_chain *chain,
				      struct block_request *request)
{
	if (request->room_bytes < BLOCK_ID_BYTES)
		return BLOCK_IO_ERROR;
	request->len_bytes = BLOCK_ID_BYTES;
	slice(request, chain->iov + chain->n_out, chain->n_in, 0, BLOCK_ID_BYTES);
	return BLOCK_OK;
}

/* One range a request: the configuration says that there are no more (max_discard_seg). */
static enum block_status parse_erase(const struct virtq_chain *chain,
				     const struct block_limits *limits,
				     struct block_request *request)
{
	bool discard = request->op == BLOCK_OP_DISCARD;
	struct erase_range range;

	if (!(discard ? limits->can_discard : limits->can_write_zeroes))
		return BLOCK_UNSUPPORTED;
	if (chain->out_bytes != sizeof(struct header) + sizeof(range) ||
	    !virtq_chain_read(chain, sizeof(struct header), &range, sizeof(range)))
		return BLOCK_IO_ERROR;
	if (range.flags & (discard ? ~0u : ~ERASE_F_UNMAP))
		return BLOCK_UNSUPPORTED;
	if (limits->read_only || range.n_sectors > limits->max_erase_sectors)
		return BLOCK_IO_ERROR;
	request->unmap = discard || (range.flags & ERASE_F_UNMAP);
	return set_range(request, limits, range.sector, range.n_sectors);
}

static enum block_status parse_body(const struct virtq_chain *chain,
				    const struct block_limits *limits, const struct header *header,
				    struct block_request *request)
{
	switch (header->type) {
	case TYPE_READ:
		request->op = BLOCK_OP_READ;
		return parse_transfer(chain, limits, header->sector, request);
	case TYPE_WRITE:
		request->op = BLOCK_OP_WRITE;
		return parse_transfer(chain, limits, header->sector, request);
	case TYPE_FLUSH:
		request->op = BLOCK_OP_FLUSH;
		return BLOCK_OK;
	case TYPE_GET_ID:
		request->op = BLOCK_OP_GET_ID;
		return parse_get_id(chain, request);
	case TYPE_DISCARD:
		request->op = BLOCK_OP_DISCARD;
		return parse_erase(chain, limits, request);
	case TYPE_WRITE_ZEROES:
		request->op = BLOCK_OP_WRITE_ZEROES;
		return parse_erase(chain, limits, request);
	default:
		return BLOCK_UNSUPPORTED;
	}
}

int block_request_parse(const struct virtq_chain *chain, const struct block_limits *limits,
			struct block_request *ret_request)
{
	struct block_request *request = ret_request;
	const struct iovec *last;
	struct header header;

	if (chain->in_bytes < 1 || !virtq_chain_read(chain, 0, &header, sizeof(header)))
		return BLOCK_REQUEST_E_MALFORMED;
	last = &chain->iov[chain->n_out + chain->n_in - 1];
	request->head = chain->head;
	request->status_byte = (uint8_t *)last->iov_base + last->iov_len - 1;
	request->room_bytes = chain->in_bytes - 1;
	request->offset_bytes = request->len_bytes = 0;
	request->unmap = false;
	request->n_iov = 0;
	request->status = parse_body(chain, limits, &header, request);
	return 0;
}

uint32_t block_request_used_bytes(const struct block_request *request, uint32_t data_bytes)
{
	return data_bytes == request->room_bytes ? data_bytes + 1 : data_bytes;
}

void block_request_zero(const struct block_request *request)
{
	for (unsigned i = 0; i < request->n_iov; i++)
		memset(request->iov[i].iov_base, 0, request->iov[i].iov_len);
}
