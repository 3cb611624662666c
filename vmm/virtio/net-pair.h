/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One receive and one transmit queue of virtio-net, and the thread that moves frames between them
 * and a backend.
 *
 * Threads: the functions here are for the device's side, which holds the device lock. The pair's
 * own lock is taken after that one, and its thread never takes the device lock: what it has to say
 * it says by the event descriptor.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_NET_PAIR_H
#define KATA_LIKE_VMM_VIRTIO_NET_PAIR_H

#include <pthread.h>

#include "vmm/virtio/io-thread.h"
#include "vmm/virtio/net-backend.h"
#include "vmm/virtio/net-window.h"

/* As the guest sees them: received is what it received. */
struct net_counters {
	uint64_t rx_packets, rx_bytes, rx_dropped;
	uint64_t tx_packets, tx_bytes, tx_dropped;
};

/* A queue and the descriptors by which it is served, all of them borrowed. */
struct net_queue {
	struct virtq *vq;
	int kick_fd, call_fd;
};

struct net_pair {
	struct net_backend *backend; /* owned */
	struct net_queue rx, tx;
	int event_fd; /* borrowed; written when there is news */
	int wake_fd;
	struct io_threads *threads; /* where the thread is from */
	struct io_thread *thread;
	bool running;

	pthread_mutex_t lock; /* of what follows */
	bool quit;
	bool active;	    /* between start and stop, and not broken */
	bool enabled;	    /* gets frames from the backend */
	bool carrier;	    /* frames are not just dropped */
	bool rx_is_foreign; /* the receive queue has another purpose: its kicks are news */
	uint64_t features;
	struct net_filter filter;
	struct net_counters counters;
	/* Where the thread stands. */
	bool rx_ready;	 /* the backend may have frames */
	bool rx_starved; /* the driver must add buffers first */
	bool tx_ready;	 /* the driver may have frames */
	bool tx_blocked; /* the backend must be writable first */
	struct net_window window;
	bool rx_large;		 /* the last frame was, so the next one may be */
	uint32_t in_place_bytes; /* how much of a frame is read into the window */
	uint8_t spill[NET_HEADER_BYTES + NET_FRAME_MAX]; /* the rest of it */
	uint32_t waiting_bytes; /* of a frame that waits for a larger window, header included */
	struct net_frame frame;
	struct virtq_chain chain;
	/* News, for the device to take. */
	const char *broken;
	bool gone;	   /* the backend */
	bool foreign_kick; /* of the receive queue */
};

/* Takes the backend, on failure too. threads: see io_threads_take(). */
int net_pair_new(struct net_backend *backend, struct io_threads *threads,
		 struct net_pair **ret_pair, struct err *err) _must_check_;
/* Waits for the thread. NULL is fine. */
void net_pair_free(struct net_pair *pair);

/* Has the thread begin. 0 or -errno. */
int net_pair_run(struct net_pair *pair, const struct net_queue *rx, const struct net_queue *tx,
		 int event_fd, struct err *err) _must_check_;

/* The driver is ready: the queues may be used, with these features. */
void net_pair_start(struct net_pair *pair, uint64_t features, bool enabled, bool rx_is_foreign);
/* The queues are not used any more once this returns. */
void net_pair_stop(struct net_pair *pair);

void net_pair_enable(struct net_pair *pair, bool on);
void net_pair_set_filter(struct net_pair *pair, const struct net_filter *filter);
void net_pair_set_carrier(struct net_pair *pair, bool on);
/* Features that decide which frames the driver may be given. */
void net_pair_set_features(struct net_pair *pair, uint64_t features);

struct net_pair_news {
	const char *broken; /* the driver broke the protocol; NULL: it did not */
	bool gone;	    /* the backend is gone, for good */
	bool foreign_kick;
};
struct net_pair_news net_pair_take_news(struct net_pair *pair);

/* Adds this pair's to *counters. */
void net_pair_count(struct net_pair *pair, struct net_counters *counters);

#endif
