/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of a virtio-net queue pair.
 *
 * Theory of operation
 *
 * Everything the thread waits for is edge-triggered: an edge only sets a flag (rx_ready and its
 * like), and the flag falls when the thread has seen for itself that nothing is left. So eventfds
 * are never read, and a source that cannot be served just now costs nothing.
 *
 * One wakeup moves up to BUDGET frames each way; the driver is interrupted once for them, and asked
 * to notify only when its queue was found empty.
 */
#include "vmm/virtio/net-pair.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "lib/fd.h"
#include "lib/syscalls.h"

SYSCALLS(SYSCALL(SYSCALLS_IO, epoll_wait), SYSCALL(SYSCALLS_MAIN | SYSCALLS_IO, epoll_ctl));

#define BUDGET 64u

#define LARGE_BYTES (NET_HEADER_BYTES + NET_FRAME_MAX) /* of the longest frame */
#define SMALL_BYTES 2048u			       /* of one that was not segmented later */

enum source {
	SOURCE_WAKE,
	SOURCE_RX_KICK,
	SOURCE_TX_KICK,
	SOURCE_BACKEND,
	N_SOURCES,
};

static void write_event(int fd)
{
	uint64_t one = 1;

	/* Only a counter at its limit refuses, and then the event is pending anyway. */
	(void)!write(fd, &one, sizeof(one));
}

static int watch(struct net_pair *pair, int op, int fd, uint32_t events, enum source source)
{
	struct epoll_event event = { .events = events | EPOLLET, .data.u32 = source };

	return epoll_ctl(pair->thread->epoll_fd, op, fd, &event) < 0 ? -errno : 0;
}

static void signal_queue(const struct net_queue *queue)
{
	if (virtq_should_signal(queue->vq))
		write_event(queue->call_fd);
}

static void set_broken(struct net_pair *pair, const char *why)
{
	pair->active = false;
	pair->broken = why;
	write_event(pair->event_fd);
}

static void set_gone(struct net_pair *pair)
{
	if (pair->gone)
		return;
	pair->gone = true;
	(void)epoll_ctl(pair->thread->epoll_fd, EPOLL_CTL_DEL, pair->backend->fd, NULL);
	write_event(pair->event_fd);
}

/* From the guest to the host. */

static void set_tx_blocked(struct net_pair *pair, bool blocked)
{
	if (pair->tx_blocked == blocked || pair->gone)
		return;
	pair->tx_blocked = blocked;
	if (watch(pair, EPOLL_CTL_MOD, pair->backend->fd, EPOLLIN | (blocked ? EPOLLOUT : 0u),
		  SOURCE_BACKEND) < 0)
		set_gone(pair);
}

/* Sends pair->chain. 0: done with it, one way or another; -EAGAIN: it is to stay. */
static int send_chain(struct net_pair *pair)
{
	struct net_backend *backend = pair->backend;
	int r = -EINVAL;

	if (pair->gone || !pair->carrier || !pair->enabled)
		r = -ENOLINK;
	else if (net_frame_parse(&pair->chain, pair->features, &pair->frame))
		r = backend->ops->send(backend, &pair->frame);
	if (r == -EAGAIN)
		return r;
	if (r == -ENETDOWN)
		set_gone(pair);
	if (r == 0) {
		pair->counters.tx_packets++;
		pair->counters.tx_bytes += pair->frame.bytes;
	} else {
		pair->counters.tx_dropped++;
	}
	return 0;
}

/* One frame. False: the queue is empty or broken, or the backend full. */
static bool transmit_one(struct net_pair *pair)
{
	struct virtq *vq = pair->tx.vq;
	int r = virtq_pop(vq, &pair->chain);

	if (r == VIRTQ_E_EMPTY) {
		pair->tx_ready = virtq_arm(vq, true);
		return pair->tx_ready;
	}
	if (r == 0 && send_chain(pair) == -EAGAIN) {
		virtq_unpop(vq, pair->chain.head);
		set_tx_blocked(pair, true);
		return false;
	}
	if (r == 0)
		r = virtq_push(vq, pair->chain.head, 0);
	if (r != 0)
		set_broken(pair, vq->broken);
	return r == 0;
}

static void transmit(struct net_pair *pair)
{
	if (!pair->tx_ready || pair->tx_blocked)
		return;
	(void)virtq_arm(pair->tx.vq, false);
	for (unsigned i = 0; i < BUDGET; i++)
		if (!transmit_one(pair))
			break;
	signal_queue(&pair->tx);
}

static void flush(struct net_pair *pair)
{
	int r;

	if (pair->gone || pair->tx_blocked)
		return;
	r = pair->backend->ops->flush(pair->backend);
	if (r == -EAGAIN)
		set_tx_blocked(pair, true);
	else if (r < 0)
		set_gone(pair);
}

/* From the host to the guest. */

/*
 * Takes chains until the window has room for so many bytes. False if there is nothing to be done
 * about a frame just now. The driver is asked to tell about further buffers if it has too few.
 */
static bool fill_window(struct net_pair *pair, uint64_t wanted_bytes)
{
	struct virtq *vq = pair->rx.vq;
	unsigned max_chains = pair->features & NET_F_MRG_RXBUF ? vq->state.size : 1;
	int r;

	do
		r = net_window_fill(&pair->window, vq, wanted_bytes, max_chains);
	while (r == VIRTQ_E_EMPTY && virtq_arm(vq, true));
	if (r == VIRTQ_E_BROKEN)
		set_broken(pair, vq->broken);
	/* One without buffers leaves frames where they are. */
	pair->rx_starved =
		r == VIRTQ_E_EMPTY && (pair->waiting_bytes > 0 || pair->window.n_chains == 0);
	return r != VIRTQ_E_BROKEN && !pair->rx_starved;
}

/* Gives the driver the frame of so many bytes that was read into the window, if it wants it. */
static void deliver(struct net_pair *pair, uint32_t bytes)
{
	struct {
		struct net_header header;
		uint8_t destination[NET_MAC_BYTES];
	} front;
	unsigned n;

	if (!net_window_read(&pair->window, &front, sizeof(front)) || !pair->carrier ||
	    !net_header_is_acceptable(&front.header, pair->features)) {
		pair->counters.rx_dropped++;
		return;
	}
	if (!net_filter_passes(&pair->filter, front.destination))
		return;
	if (net_window_deliver(&pair->window, pair->rx.vq, bytes, &n) != 0) {
		set_broken(pair, pair->rx.vq->broken);
		return;
	}
	pair->counters.rx_packets++;
	pair->counters.rx_bytes += bytes - NET_HEADER_BYTES;
}

/* Gives the driver the frame that waits. False: it has to wait on. */
static bool deliver_waiting(struct net_pair *pair)
{
	uint32_t bytes = pair->waiting_bytes, skip = pair->in_place_bytes;

	if (!fill_window(pair, bytes))
		return false;
	pair->waiting_bytes = 0;
	if (net_window_write(&pair->window, skip, pair->spill, bytes - skip))
		deliver(pair, bytes);
	else
		pair->counters.rx_dropped++;
	return pair->active;
}

/*
 * Where the next frame is to go. Nobody knows how long it is before it is read, and what does not
 * fit is lost: so behind what is offered of the window stands a place of our own for the rest. All
 * of the window is offered only where a frame is likely to need it, for each part costs time.
 */
static unsigned offer(struct net_pair *pair, struct iovec *ret_iov)
{
	const struct iovec *parts = net_window_parts(&pair->window);
	bool mergeable = pair->features & NET_F_MRG_RXBUF;
	uint32_t wanted_bytes = pair->rx_large || !mergeable ? LARGE_BYTES : SMALL_BYTES, bytes = 0;
	unsigned n = 0;

	if (pair->backend->ops->is_midway(pair->backend))
		wanted_bytes = pair->in_place_bytes;
	for (; n < pair->window.n_parts && bytes < wanted_bytes; n++) {
		ret_iov[n] = parts[n];
		bytes += (uint32_t)MIN(parts[n].iov_len, (size_t)LARGE_BYTES);
	}
	pair->in_place_bytes = bytes;
	if (mergeable)
		ret_iov[n++] = (struct iovec){ pair->spill, sizeof(pair->spill) };
	return n;
}

static ssize_t read_frame(struct net_pair *pair)
{
	struct iovec iov[NET_BACKEND_PARTS + 1];
	unsigned n_iov = offer(pair, iov);
	size_t room_bytes = 0;
	ssize_t n;

	for (unsigned i = 0; i < n_iov; i++)
		room_bytes += iov[i].iov_len;
	n = pair->backend->ops->receive(pair->backend, iov, n_iov, room_bytes);
	if (n <= 0)
		return n;
	pair->rx_large = n > SMALL_BYTES;
	if (n > (ssize_t)pair->in_place_bytes)
		pair->waiting_bytes = (uint32_t)n;
	return n;
}

/* One frame. False: there is none, or no room for one. */
static bool receive_one(struct net_pair *pair)
{
	ssize_t n;

	if (pair->waiting_bytes > 0)
		return deliver_waiting(pair);
	if (!fill_window(pair, pair->rx_large ? LARGE_BYTES : SMALL_BYTES))
		return false;
	n = read_frame(pair);
	if (n == -EAGAIN)
		pair->rx_ready = false;
	else if (n == -EMSGSIZE)
		pair->counters.rx_dropped++;
	else if (n < 0)
		set_gone(pair);
	else if (pair->waiting_bytes == 0)
		deliver(pair, (uint32_t)n);
	return pair->rx_ready && pair->active && !pair->gone;
}

static void receive(struct net_pair *pair)
{
	if (!pair->rx_ready || pair->rx_starved || !pair->enabled || pair->gone)
		return;
	(void)virtq_arm(pair->rx.vq, false);
	for (unsigned i = 0; i < BUDGET; i++)
		if (!receive_one(pair))
			break;
	signal_queue(&pair->rx);
}

/* The thread. */

static void note(struct net_pair *pair, enum source source, uint32_t events)
{
	switch (source) {
	case SOURCE_RX_KICK:
		pair->rx_starved = false;
		if (pair->rx_is_foreign) {
			pair->foreign_kick = true;
			write_event(pair->event_fd);
		}
		break;
	case SOURCE_TX_KICK:
		pair->tx_ready = true;
		break;
	case SOURCE_BACKEND:
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			pair->rx_ready = true;
		if (events & EPOLLOUT) {
			set_tx_blocked(pair, false);
			flush(pair);
			pair->tx_ready = true;
		}
		break;
	default:
		break;
	}
}

/* How long the thread may wait for the next event: 0 while there is something to do. */
static int serve(struct net_pair *pair)
{
	if (pair->active)
		transmit(pair);
	flush(pair);
	if (pair->active)
		receive(pair);
	if (!pair->active)
		return -1;
	if (pair->tx_ready && !pair->tx_blocked)
		return 0;
	if (!pair->rx_ready || !pair->enabled || pair->gone)
		return -1;
	return pair->rx_starved ? -1 : 0;
}

static void run(void *arg)
{
	struct epoll_event events[N_SOURCES];
	struct net_pair *pair = arg;
	int timeout_ms = -1;

	for (;;) {
		int n = epoll_wait(pair->thread->epoll_fd, events, N_SOURCES, timeout_ms);

		pthread_mutex_lock(&pair->lock);
		if (pair->quit)
			break;
		for (int i = 0; i < n; i++)
			note(pair, (enum source)events[i].data.u32, events[i].events);
		timeout_ms = serve(pair);
		pthread_mutex_unlock(&pair->lock);
	}
	pthread_mutex_unlock(&pair->lock);
}

/* The device's side. */

int net_pair_new(struct net_backend *backend, struct io_threads *threads,
		 struct net_pair **ret_pair, struct err *err)
{
	struct net_pair *pair = calloc(1, sizeof(*pair));
	int r;

	if (!pair) {
		backend->ops->free(backend);
		return err_set(err, ENOMEM, "cannot make a queue pair");
	}
	pthread_mutex_init(&pair->lock, NULL);
	pair->backend = backend;
	pair->threads = threads;
	pair->carrier = true;
	pair->rx.kick_fd = pair->tx.kick_fd = -1;
	pair->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = pair->wake_fd < 0 ? err_set(err, errno, "cannot make a queue pair")
			      : io_threads_take(threads, &pair->thread, err);
	if (r < 0) {
		net_pair_free(pair);
		return r;
	}
	*ret_pair = pair;
	return 0;
}

static void set_quit(struct net_pair *pair)
{
	pthread_mutex_lock(&pair->lock);
	pair->quit = true;
	write_event(pair->wake_fd);
	pthread_mutex_unlock(&pair->lock);
}

/* What is in the thread's set by then; others may have the same things open, so they stay. */
static void unwatch_all(struct net_pair *pair)
{
	const int fds[] = { pair->wake_fd, pair->rx.kick_fd, pair->tx.kick_fd, pair->backend->fd };

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		(void)epoll_ctl(pair->thread->epoll_fd, EPOLL_CTL_DEL, fds[i], NULL);
}

void net_pair_free(struct net_pair *pair)
{
	if (!pair)
		return;
	if (pair->running) {
		set_quit(pair);
		io_thread_wait(pair->thread);
	}
	if (pair->thread)
		unwatch_all(pair);
	io_threads_put(pair->threads, pair->thread);
	pair->backend->ops->free(pair->backend);
	cleanup_fd(&pair->wake_fd);
	pthread_mutex_destroy(&pair->lock);
	free(pair);
}

int net_pair_run(struct net_pair *pair, const struct net_queue *rx, const struct net_queue *tx,
		 int event_fd, struct err *err)
{
	int r = watch(pair, EPOLL_CTL_ADD, pair->wake_fd, EPOLLIN, SOURCE_WAKE);

	pair->rx = *rx;
	pair->tx = *tx;
	pair->event_fd = event_fd;
	if (r == 0)
		r = watch(pair, EPOLL_CTL_ADD, rx->kick_fd, EPOLLIN, SOURCE_RX_KICK);
	if (r == 0)
		r = watch(pair, EPOLL_CTL_ADD, tx->kick_fd, EPOLLIN, SOURCE_TX_KICK);
	if (r == 0)
		r = watch(pair, EPOLL_CTL_ADD, pair->backend->fd, EPOLLIN, SOURCE_BACKEND);
	if (r < 0)
		return err_set(err, -r, "cannot watch a queue pair");
	pair->running = true;
	io_thread_start(pair->thread, run, pair);
	return 0;
}

void net_pair_start(struct net_pair *pair, uint64_t features, bool enabled, bool rx_is_foreign)
{
	pthread_mutex_lock(&pair->lock);
	pair->active = true;
	pair->features = features;
	pair->enabled = enabled;
	pair->rx_is_foreign = rx_is_foreign;
	/* Nothing is known yet; an edge may have been before there was anybody to see it. */
	pair->rx_ready = true;
	pair->tx_ready = true;
	pair->rx_starved = false;
	pair->foreign_kick = rx_is_foreign;
	write_event(pair->wake_fd);
	if (rx_is_foreign)
		write_event(pair->event_fd);
	pthread_mutex_unlock(&pair->lock);
}

void net_pair_stop(struct net_pair *pair)
{
	pthread_mutex_lock(&pair->lock);
	pair->active = false;
	pair->broken = NULL;
	pair->foreign_kick = false;
	net_window_reset(&pair->window);
	pair->waiting_bytes = 0;
	pair->backend->ops->forget(pair->backend);
	pthread_mutex_unlock(&pair->lock);
}

void net_pair_enable(struct net_pair *pair, bool on)
{
	pthread_mutex_lock(&pair->lock);
	pair->enabled = on;
	pair->rx_ready = true;
	write_event(pair->wake_fd);
	pthread_mutex_unlock(&pair->lock);
}

void net_pair_set_filter(struct net_pair *pair, const struct net_filter *filter)
{
	pthread_mutex_lock(&pair->lock);
	pair->filter = *filter;
	pthread_mutex_unlock(&pair->lock);
}

void net_pair_set_carrier(struct net_pair *pair, bool on)
{
	pthread_mutex_lock(&pair->lock);
	pair->carrier = on;
	pthread_mutex_unlock(&pair->lock);
}

void net_pair_set_features(struct net_pair *pair, uint64_t features)
{
	pthread_mutex_lock(&pair->lock);
	pair->features = features;
	pthread_mutex_unlock(&pair->lock);
}

struct net_pair_news net_pair_take_news(struct net_pair *pair)
{
	struct net_pair_news news;

	pthread_mutex_lock(&pair->lock);
	news = (struct net_pair_news){ pair->broken, pair->gone, pair->foreign_kick };
	pair->broken = NULL;
	pair->foreign_kick = false;
	pthread_mutex_unlock(&pair->lock);
	return news;
}

void net_pair_count(struct net_pair *pair, struct net_counters *counters)
{
	pthread_mutex_lock(&pair->lock);
	counters->rx_packets += pair->counters.rx_packets;
	counters->rx_bytes += pair->counters.rx_bytes;
	counters->rx_dropped += pair->counters.rx_dropped;
	counters->tx_packets += pair->counters.tx_packets;
	counters->tx_bytes += pair->counters.tx_bytes;
	counters->tx_dropped += pair->counters.tx_dropped;
	pthread_mutex_unlock(&pair->lock);
}
