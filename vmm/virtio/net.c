/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net: configuration, features and the control queue. Frames are moved by the threads of the
 * queue pairs (net-pair.h).
 *
 *	vCPU		activate, reset: under the device lock
 *	main thread	the control queue, and what the pairs have to tell; all ioctls
 *	pair's thread	frames; never takes the device lock
 *
 * The driver's go-ahead comes on a vCPU, which only raises the event: the main thread then sets the
 * backends up and starts the pairs.
 */
#include "vmm/virtio/net.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "vmm/virtio/net-control.h"

#define VIRTIO_ID_NET	  1
#define CLASS_NETWORK	  0x02
#define SUBCLASS_ETHERNET 0x00

#define QUEUE_SIZE	   256u
#define CONTROL_QUEUE_SIZE 64u
#define CONTROL_BUDGET	   64u

/* Where the control queue is for a driver that knows of one pair only (virtio 1.2, 5.1.2). */
#define CONTROL_QUEUE_OF_ONE 2u

#define STATUS_LINK_UP 1u

/* In a MAC address's first byte. */
#define MAC_LOCAL 2u
#define MAC_GROUP 1u

struct net_device_config {
	uint8_t mac[NET_MAC_BYTES];
	uint16_t status, max_pairs, mtu;
} __attribute__((packed));

_Static_assert(sizeof(struct net_device_config) == 12, "virtio 1.2, 5.1.4");

struct net {
	struct virtio_device dev;
	struct virtio_device_ops ops; /* the number of queues differs */
	uint16_t queue_sizes[VIRTIO_QUEUES_MAX];
	struct net_device_config config;
	uint8_t mac[NET_MAC_BYTES]; /* as it was given, before a driver changed it */
	int event_fd;
	struct loop_source *source;
	unsigned n_pairs, n_attached; /* the first n_attached backends get frames */
	struct net_pair *pairs[NET_PAIRS_MAX];
	bool running;	/* the pairs are started */
	bool unplugged; /* by net_set_link() */
	bool gone;	/* a backend */
	struct net_filter filter;
};

static struct net *net_of(struct virtio_device *dev)
{
	return CONTAINER_OF(dev, struct net, dev);
}

static uint16_t control_queue(const struct net *net)
{
	return (uint16_t)(net->dev.features & NET_F_MQ ? 2 * net->n_pairs : CONTROL_QUEUE_OF_ONE);
}

/* Has the main thread look. */
static void raise_event(struct net *net)
{
	(void)eventfd_write(net->event_fd, 1);
}

/* Lets the first n pairs get frames and the others none. 0 or -errno. */
static int set_pairs(struct net *net, unsigned n)
{
	int r = 0;

	while (net->n_attached > n && r == 0) {
		struct net_backend *backend = net->pairs[net->n_attached - 1]->backend;

		/* Nothing may use a queue that the kernel has taken off the interface. */
		net_pair_enable(net->pairs[net->n_attached - 1], false);
		r = backend->ops->enable(backend, false);
		net->n_attached -= r == 0;
	}
	while (net->n_attached < n && r == 0) {
		struct net_backend *backend = net->pairs[net->n_attached]->backend;

		r = backend->ops->enable(backend, true);
		if (r == 0)
			net_pair_enable(net->pairs[net->n_attached++], true);
	}
	return r;
}

static int set_offloads(struct net *net, uint64_t offloads)
{
	struct net_backend *backend = net->pairs[0]->backend;
	uint64_t features = (net->dev.features & ~NET_F_GUEST_OFFLOADS) | offloads;
	int r = backend->ops->set_offloads(backend, offloads);

	for (unsigned i = 0; i < net->n_pairs && r == 0; i++)
		net_pair_set_features(net->pairs[i], features);
	return r;
}

static void set_filter(struct net *net, const struct net_filter *filter)
{
	net->filter = *filter;
	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_set_filter(net->pairs[i], filter);
}

/* The control queue. */

static bool obey(struct net *net, const struct net_control *control)
{
	switch (control->op) {
	case NET_CONTROL_MAC:
		memcpy(net->config.mac, control->filter.mac, NET_MAC_BYTES);
		set_filter(net, &control->filter);
		return true;
	case NET_CONTROL_FILTER:
		set_filter(net, &control->filter);
		return true;
	case NET_CONTROL_PAIRS:
		return set_pairs(net, control->n_pairs) == 0;
	case NET_CONTROL_OFFLOADS:
		return set_offloads(net, control->offloads) == 0;
	default:
		return false;
	}
}

/* 0, VIRTQ_E_EMPTY or VIRTQ_E_BROKEN. */
static int obey_next(struct net *net, struct virtq *vq)
{
	struct net_control control;
	struct virtq_chain chain;
	uint8_t answer;
	int r = virtq_pop(vq, &chain);

	if (r != 0)
		return r;
	if (!net_control_parse(&chain, net->dev.features, (uint16_t)net->n_pairs, &net->filter,
			       &control)) {
		vq->broken = "a control command without room for its answer";
		return VIRTQ_E_BROKEN;
	}
	answer = (uint8_t)(obey(net, &control) ? NET_CONTROL_OK : NET_CONTROL_ERR);
	(void)!virtq_chain_write(&chain, 0, &answer, sizeof(answer));
	return virtq_push(vq, chain.head, sizeof(answer));
}

static void signal_control(struct net *net, uint16_t queue)
{
	int kick_fd, call_fd;

	if (queue >= net->ops.n_handed_over) {
		virtio_device_signal(&net->dev, queue);
		return;
	}
	virtio_device_queue_events(&net->dev, queue, &kick_fd, &call_fd);
	if (virtq_should_signal(&net->dev.queues[queue]))
		(void)eventfd_write(call_fd, 1);
}

static void serve_control(struct net *net)
{
	uint16_t queue = control_queue(net);
	struct virtq *vq = &net->dev.queues[queue];
	int r = 0;

	if (!vq->state.ready || !net->running)
		return;
	for (unsigned i = 0; i < CONTROL_BUDGET && r == 0; i++) {
		r = obey_next(net, vq);
		if (r == VIRTQ_E_EMPTY && virtq_arm(vq, true))
			r = 0;
	}
	signal_control(net, queue);
	if (r == VIRTQ_E_BROKEN)
		virtio_device_broken(&net->dev, vq->broken);
	else if (r == 0 && queue < net->ops.n_handed_over)
		raise_event(net);
	else if (r == 0)
		virtio_device_kick(&net->dev, queue);
}

static void net_notify(struct virtio_device *dev, uint16_t queue)
{
	struct net *net = net_of(dev);

	if (queue == control_queue(net))
		serve_control(net);
}

/* The link. */

static void show_link(struct net *net)
{
	bool up = !net->unplugged && !net->gone;
	uint16_t status = up ? STATUS_LINK_UP : 0;

	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_set_carrier(net->pairs[i], up);
	if (status == net->config.status)
		return;
	net->config.status = status;
	if (net->dev.features & NET_F_STATUS)
		virtio_device_config_changed(&net->dev);
}

/* What the pairs have to tell, and the driver's go-ahead. */

static void start(struct net *net)
{
	struct virtio_device *dev = &net->dev;
	bool knows_pairs = dev->features & NET_F_MQ;

	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_start(net->pairs[i], dev->features, i == 0,
			       i == CONTROL_QUEUE_OF_ONE / 2 && !knows_pairs);
	net->running = true;
	if (set_pairs(net, 1) < 0 || set_offloads(net, dev->features & NET_F_GUEST_OFFLOADS) < 0)
		virtio_device_failed(dev, "the interface cannot be set up");
	/* The driver may have been quicker than this. */
	serve_control(net);
}

static void take_news(struct net *net, unsigned i)
{
	struct net_pair_news news = net_pair_take_news(net->pairs[i]);

	if (news.gone && !net->gone)
		log_warn("net: the host's end of the interface is gone; the link is down");
	net->gone = net->gone || news.gone;
	if (news.broken && net->dev.active)
		virtio_device_broken(&net->dev, news.broken);
}

static void on_event(void *ctx, int fd, uint32_t events)
{
	struct net *net = ctx;
	uint64_t count;

	(void)events;
	(void)!read(fd, &count, sizeof(count));
	pthread_mutex_lock(net->dev.lock);
	for (unsigned i = 0; i < net->n_pairs; i++)
		take_news(net, i);
	show_link(net);
	if (net->dev.active && !net->running)
		start(net);
	else if (net->dev.active && control_queue(net) < net->ops.n_handed_over)
		serve_control(net);
	pthread_mutex_unlock(net->dev.lock);
}

/* The device. */

static int net_attach(struct virtio_device *dev, struct err *err)
{
	struct net *net = net_of(dev);
	int r;

	net->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (net->event_fd < 0)
		return err_set(err, errno, "cannot make an eventfd");
	r = loop_add_fd(dev->loop, net->event_fd, EPOLLIN, on_event, net, &net->source);
	if (r == 0)
		r = set_pairs(net, 1);
	if (r < 0)
		return err_set(err, -r, "cannot set the interface up");
	for (uint16_t i = 0; i < net->n_pairs && r == 0; i++) {
		struct net_queue rx = { .vq = &dev->queues[2 * i] };
		struct net_queue tx = { .vq = &dev->queues[2 * i + 1] };

		virtio_device_queue_events(dev, (uint16_t)(2 * i), &rx.kick_fd, &rx.call_fd);
		virtio_device_queue_events(dev, (uint16_t)(2 * i + 1), &tx.kick_fd, &tx.call_fd);
		r = net_pair_run(net->pairs[i], &rx, &tx, net->event_fd, err);
	}
	return r;
}

static void net_activate(struct virtio_device *dev)
{
	raise_event(net_of(dev));
}

static void net_reset(struct virtio_device *dev)
{
	struct net *net = net_of(dev);
	struct net_filter filter;

	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_stop(net->pairs[i]);
	net->running = false;
	memcpy(net->config.mac, net->mac, NET_MAC_BYTES);
	net_filter_init(&filter, net->mac);
	set_filter(net, &filter);
}

static void net_config_read(struct virtio_device *dev, uint32_t offset, void *dst, uint32_t len)
{
	memcpy(dst, (const uint8_t *)&net_of(dev)->config + offset, len);
}

static void net_free(struct virtio_device *dev)
{
	struct net *net = net_of(dev);

	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_free(net->pairs[i]);
	loop_source_free(net->source);
	cleanup_fd(&net->event_fd);
	free(net);
}

static const struct virtio_device_ops net_ops = {
	.name = "net",
	.virtio_id = VIRTIO_ID_NET,
	.pci_class = CLASS_NETWORK,
	.pci_subclass = SUBCLASS_ETHERNET,
	.config_bytes = sizeof(struct net_device_config),
	.attach = net_attach,
	.activate = net_activate,
	.notify = net_notify,
	.reset = net_reset,
	.config_read = net_config_read,
	.free = net_free,
};

static void set_queues(struct net *net)
{
	net->ops = net_ops;
	net->ops.n_handed_over = (uint16_t)(2 * net->n_pairs);
	net->ops.n_queues = (uint16_t)(net->ops.n_handed_over + 1);
	for (unsigned i = 0; i < net->ops.n_handed_over; i++)
		net->queue_sizes[i] = QUEUE_SIZE;
	net->queue_sizes[net->ops.n_handed_over] = CONTROL_QUEUE_SIZE;
	net->ops.queue_sizes = net->queue_sizes;
	net->dev.ops = &net->ops;
}

static void describe(struct net *net, const struct net_config *config)
{
	uint64_t backend = net->pairs[0]->backend->features;

	net->dev.features_offered = NET_F_MAC | NET_F_STATUS | NET_F_MRG_RXBUF | NET_F_CTRL_VQ |
				    NET_F_CTRL_RX | NET_F_CTRL_RX_EXTRA | NET_F_CTRL_MAC_ADDR |
				    backend;
	if (backend & NET_F_GUEST_CSUM)
		net->dev.features_offered |= NET_F_CTRL_OFFLOADS;
	if (config->mtu)
		net->dev.features_offered |= NET_F_MTU;
	if (net->n_pairs > 1)
		net->dev.features_offered |= NET_F_MQ;
	memcpy(net->config.mac, net->mac, NET_MAC_BYTES);
	net->config.status = STATUS_LINK_UP;
	net->config.max_pairs = (uint16_t)net->n_pairs;
	net->config.mtu = config->mtu;
	net_filter_init(&net->filter, net->mac);
	set_filter(net, &net->filter);
}

static int choose_mac(struct net *net, const struct net_config *config, struct err *err)
{
	memcpy(net->mac, config->mac, NET_MAC_BYTES);
	if (config->has_mac)
		return net->mac[0] & MAC_GROUP
			       ? err_say(err, EINVAL, "a group address is no interface's own")
			       : 0;
	if (getrandom(net->mac, NET_MAC_BYTES, 0) != NET_MAC_BYTES)
		return err_set(err, errno, "cannot make up a MAC address");
	net->mac[0] = (uint8_t)((net->mac[0] & ~MAC_GROUP) | MAC_LOCAL);
	return 0;
}

/* Takes the descriptors, on failure too. */
static int make_pairs(struct net *net, const struct net_config *config, struct err *err)
{
	struct net_backend *backends[NET_PAIRS_MAX];
	int r = config->socket ? net_socket_new(config->fds[0], backends, err)
			       : net_tap_new(config->fds, config->n_fds, backends, err);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < config->n_fds; i++) {
		if (r < 0)
			backends[i]->ops->free(backends[i]);
		else
			r = net_pair_new(backends[i], config->threads, &net->pairs[net->n_pairs],
					 err);
		net->n_pairs += r == 0;
	}
	net->n_attached = net->n_pairs;
	return r;
}

static int check(const struct net_config *config, struct err *err)
{
	if (config->n_fds < 1 || config->n_fds > NET_PAIRS_MAX)
		return err_say(err, EINVAL,
			       "%u descriptors; give one for each of 1 to %d queue "
			       "pairs",
			       config->n_fds, NET_PAIRS_MAX);
	if (config->socket && config->n_fds > 1)
		return err_say(err, EINVAL, "a socket has one queue pair");
	if (config->mtu && config->mtu < NET_MTU_MIN)
		return err_say(err, EINVAL, "an MTU of %u is below %u", config->mtu, NET_MTU_MIN);
	return 0;
}

int net_new(const struct net_config *config, struct virtio_device **ret_dev, struct err *err)
{
	int r = check(config, err);
	struct net *net = r == 0 ? calloc(1, sizeof(*net)) : NULL;

	if (!net) {
		for (unsigned i = 0; i < MIN(config->n_fds, (unsigned)NET_PAIRS_MAX); i++)
			cleanup_fd(&config->fds[i]);
		return r < 0 ? r : err_set(err, ENOMEM, "cannot make a network device");
	}
	net->event_fd = -1;
	r = make_pairs(net, config, err);
	if (r == 0)
		r = choose_mac(net, config, err);
	if (r < 0) {
		net_free(&net->dev);
		return r;
	}
	set_queues(net);
	describe(net, config);
	*ret_dev = &net->dev;
	return 0;
}

bool net_get_status(struct virtio_device *dev, struct net_status *ret_status)
{
	const struct net *net = net_of(dev);

	if (dev->ops->virtio_id != VIRTIO_ID_NET)
		return false;
	*ret_status = (struct net_status){ .link_up = net->config.status & STATUS_LINK_UP };
	memcpy(ret_status->mac, net->config.mac, NET_MAC_BYTES);
	for (unsigned i = 0; i < net->n_pairs; i++)
		net_pair_count(net->pairs[i], &ret_status->counters);
	return true;
}

bool net_set_link(struct virtio_device *dev, bool up)
{
	struct net *net = net_of(dev);

	if (dev->ops->virtio_id != VIRTIO_ID_NET)
		return false;
	net->unplugged = !up;
	show_link(net);
	return true;
}
