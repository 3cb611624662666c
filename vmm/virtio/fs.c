/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-fs with its queues served by another process.
 *
 * Theory of operation
 *
 * While the file server lives, it has the queues: their doorbells and interrupts go to it and come
 * from it (virtio-pci-handover.c). We tell it about the queues when the driver starts the device
 * and wait until it let go of them when the driver resets it, on the vCPU that does so.
 *
 * Its end shows on the socket, on the I/O thread. Whoever else finds it broken (late, or wrong)
 * shuts the socket down, which shows in the same place. Only there the queues are taken back.
 * Then they are served like any device's: every request gets an error.
 */
#include "vmm/virtio/fs.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "vmm/virtio/vhost-user.h"

#define VIRTIO_ID_FS   26
#define CLASS_STORAGE  0x01
#define SUBCLASS_OTHER 0x80

/*
 * The hiprio queue and one for requests. The driver makes requests of at most as many pages as a
 * queue is long; so no honest one has more buffers than VIRTQ_CHAIN_MAX, should it come back to us.
 */
#define N_QUEUES   2
#define QUEUE_SIZE 128u

/* Long enough for a busy file server to end what it is at; a reset's caller waits for it. */
#define TIMEOUT_MS 5000u

/* Requests answered at one go. */
#define BUDGET 64u

struct fs_device_config {
	char tag[FS_TAG_MAX];
	uint32_t num_request_queues;
} __attribute__((packed));

/* FUSE's headers (linux/fuse.h), little-endian here (virtio 1.2, 5.11.6). */
struct fuse_request_header {
	uint32_t len, opcode;
	uint64_t unique, node;
	uint32_t user, group, process, padding;
};

struct fuse_reply_header {
	uint32_t len;
	int32_t error;
	uint64_t unique;
};

/* What the file server left unanswered in a queue. */
struct fs_lost {
	uint16_t heads[VIRTQ_SIZE_MAX];
	unsigned n;
};

struct fs {
	struct virtio_device dev;
	struct vhost_user server;
	struct loop_source
		*source; /* of the server's socket; NULL: it is gone, the queues are ours */
	struct fs_device_config config;
	struct vhost_user_queue queues[N_QUEUES]; /* that the server has */
	unsigned n_queues;
	struct fs_lost lost[N_QUEUES];
};

static struct fs *fs_of(struct virtio_device *dev)
{
	return CONTAINER_OF(dev, struct fs, dev);
}

/* Answers without a file server. */

static int answer(struct virtq *vq, const struct virtq_chain *chain)
{
	struct fuse_reply_header reply = { .len = htole32(sizeof(reply)),
					   .error = (int32_t)htole32((uint32_t)-ENOTCONN) };
	struct fuse_request_header request;
	uint32_t written = 0;

	/* Some requests have no reply: there is no room for one then. */
	if (virtq_chain_read(chain, 0, &request, sizeof(request))) {
		reply.unique = request.unique;
		if (virtq_chain_write(chain, 0, &reply, sizeof(reply)))
			written = sizeof(reply);
	}
	return virtq_push(vq, chain->head, written);
}

static int answer_next(struct virtq *vq, struct fs_lost *lost)
{
	struct virtq_chain chain;
	int r;

	if (lost->n > 0) {
		r = virtq_take(vq, lost->heads[--lost->n], &chain);
	} else {
		r = virtq_pop(vq, &chain);
		if (r == VIRTQ_E_EMPTY && virtq_arm(vq, true))
			r = virtq_pop(vq, &chain);
	}
	return r == 0 ? answer(vq, &chain) : r;
}

static void fs_notify(struct virtio_device *dev, uint16_t queue)
{
	struct virtq *vq = &dev->queues[queue];
	struct fs_lost *lost = &fs_of(dev)->lost[queue];
	int r = 0;

	for (unsigned i = 0; i < BUDGET && r == 0; i++)
		r = answer_next(vq, lost);
	virtio_device_signal(dev, queue);
	if (r == 0)
		virtio_device_kick(dev, queue);
	else if (r == VIRTQ_E_BROKEN)
		virtio_device_broken(dev, vq->broken);
}

/* The driver may have used the queues since, or never have started. */
static void answer_lost(struct fs *fs)
{
	struct virtio_device *dev = &fs->dev;

	for (uint16_t i = 0; i < N_QUEUES && dev->active; i++) {
		struct virtq *vq = &dev->queues[i];

		if (!vq->state.ready)
			continue;
		if (virtq_recover(vq, fs->lost[i].heads, &fs->lost[i].n) != 0) {
			virtio_device_broken(dev, vq->broken);
			continue;
		}
		fs_notify(dev, i);
		/* For what the server gave back last, perhaps without saying so. */
		dev->signal_queue(dev, i);
	}
}

/* The file server. */

static void complain(struct fs *fs, const char *what)
{
	if (ratelimit_allow(&fs->dev.complaints, clock_monotonic_ms(), NULL))
		log_warn("fs %.*s: the file server does not %s: %s", (int)FS_TAG_MAX,
			 fs->config.tag, what, fs->server.broken);
}

static void on_server_event(void *ctx, int fd, uint32_t events)
{
	struct fs *fs = ctx;
	struct virtio_device *dev = &fs->dev;
	int r;

	(void)fd;
	(void)events;
	pthread_mutex_lock(dev->lock);
	if (!vhost_user_is_alive(&fs->server)) {
		log_error("fs %.*s: the file server is gone: %s; the guest gets \"not connected\"",
			  (int)FS_TAG_MAX, fs->config.tag, fs->server.broken);
		loop_source_free(TAKE_PTR(fs->source));
		vhost_user_fini(&fs->server);
		fs->n_queues = 0;
		r = virtio_device_take_back(dev);
		if (r < 0)
			virtio_device_failed(dev, strerror(-r));
		answer_lost(fs);
	}
	pthread_mutex_unlock(dev->lock);
}

static int fs_attach(struct virtio_device *dev, struct err *err)
{
	struct fs *fs = fs_of(dev);
	int r;

	if (!dev->mem->shared)
		return err_say(err, EINVAL,
			       "a file server needs memory that can be shared; start the VM with "
			       "--shared-memory");
	/* What the transport added is for the server to keep. */
	dev->features_offered &= fs->server.features;
	r = loop_add_fd(dev->loop, fs->server.fd, EPOLLRDHUP, on_server_event, fs, &fs->source);
	return r < 0 ? err_set(err, -r, "cannot watch the file server's socket") : 0;
}

static void fs_activate(struct virtio_device *dev)
{
	struct fs *fs = fs_of(dev);

	fs->n_queues = 0;
	for (uint16_t i = 0; i < N_QUEUES; i++) {
		const struct virtq_state *state = &dev->queues[i].state;
		struct vhost_user_queue *queue = &fs->queues[fs->n_queues];

		if (!state->ready)
			continue;
		if (!fs->source) {
			virtio_device_kick(dev, i);
			continue;
		}
		*queue = (struct vhost_user_queue){ .index = i,
						    .size = state->size,
						    .desc = state->desc,
						    .avail = state->avail,
						    .used = state->used };
		virtio_device_queue_events(dev, i, &queue->kick_fd, &queue->call_fd);
		fs->n_queues++;
	}
	if (fs->n_queues > 0 &&
	    vhost_user_start(&fs->server, dev->mem, dev->features, fs->queues, fs->n_queues) != 0)
		complain(fs, "start");
}

static void fs_reset(struct virtio_device *dev)
{
	struct fs *fs = fs_of(dev);

	if (fs->n_queues > 0 && vhost_user_stop(&fs->server, fs->queues, fs->n_queues) != 0)
		complain(fs, "stop");
	fs->n_queues = 0;
	for (unsigned i = 0; i < N_QUEUES; i++)
		fs->lost[i].n = 0;
}

static void fs_config_read(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len)
{
	memcpy(dst, (const uint8_t *)&fs_of(dev)->config + offset, len);
}

static void fs_free(struct virtio_device *dev)
{
	struct fs *fs = fs_of(dev);

	loop_source_free(fs->source);
	vhost_user_fini(&fs->server);
	free(fs);
}

static const uint16_t queue_sizes[N_QUEUES] = { QUEUE_SIZE, QUEUE_SIZE };

static const struct virtio_device_ops fs_ops = {
	.name = "fs",
	.virtio_id = VIRTIO_ID_FS,
	.pci_class = CLASS_STORAGE,
	.pci_subclass = SUBCLASS_OTHER,
	.n_queues = N_QUEUES,
	.queue_sizes = queue_sizes,
	.config_bytes = sizeof(struct fs_device_config),
	.n_handed_over = N_QUEUES,
	.attach = fs_attach,
	.activate = fs_activate,
	.notify = fs_notify,
	.reset = fs_reset,
	.config_read = fs_config_read,
	.free = fs_free,
};

int fs_new(const struct fs_config *config, struct virtio_device **ret_dev, struct err *err)
{
	_cleanup_fd_ int fd = config->fd;
	size_t tag_len = strlen(config->tag);
	_cleanup_free_ struct fs *fs = NULL;

	if (tag_len == 0 || tag_len > FS_TAG_MAX)
		return err_say(err, EINVAL, "file system tag \"%s\": give 1 to %u bytes",
			       config->tag, FS_TAG_MAX);
	fs = calloc(1, sizeof(*fs));
	if (!fs)
		return err_set(err, ENOMEM, "cannot make a file system device");
	fs->dev.ops = &fs_ops;
	memcpy(fs->config.tag, config->tag, tag_len);
	fs->config.num_request_queues = htole32(1);
	if (vhost_user_init(&fs->server, TAKE_FD(fd),
			    config->timeout_ms ? config->timeout_ms : TIMEOUT_MS, err) < 0)
		return err_push(err, "file system %s", config->tag);
	*ret_dev = &TAKE_PTR(fs)->dev;
	return 0;
}
