/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for devices that do not do with the VM's one I/O thread. None is made once the VMM's jail
 * is shut (vmm/jail/), for who may make threads may make processes: devices that come later get a
 * thread that was made then, and give it back.
 */
#ifndef KATA_LIKE_VMM_VIRTIO_IO_THREAD_H
#define KATA_LIKE_VMM_VIRTIO_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/cleanup.h"
#include "lib/err.h"

#define IO_THREADS_MAX 64u

typedef void io_thread_fn(void *ctx);

struct io_thread {
	int epoll_fd; /* for what the thread does; nothing is in it when it is taken or put back */
	pthread_t thread;
	int (*confine)(void *ctx);
	void *confine_ctx;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	io_thread_fn *fn; /* what it does, NULL: nothing */
	void *ctx;
	bool quit;
	bool dead; /* it ended before its time */
};

/* Threads that no device has. All zeros: none, and new ones may still be made. */
struct io_threads {
	/* The first thing each thread does; not 0: it ends there. May be NULL. */
	int (*confine)(void *ctx);
	void *confine_ctx;
	struct io_thread *spare[IO_THREADS_MAX];
	size_t n;
	bool shut;
};

/* Makes n threads to be taken later, after which no other is made. n is IO_THREADS_MAX at most. */
int io_threads_init(struct io_threads *threads, size_t n, struct err *err) _must_check_;
/* No thread may be taken. */
void io_threads_fini(struct io_threads *threads);

/* threads NULL: a new one. -ENOSPC: all are taken. */
int io_threads_take(struct io_threads *threads, struct io_thread **ret_thread, struct err *err)
	_must_check_;
/* Gives it back, doing nothing. */
void io_threads_put(struct io_threads *threads, struct io_thread *thread);

/* Has the thread call fn, once. */
void io_thread_start(struct io_thread *thread, io_thread_fn *fn, void *ctx);
/* Waits for that call's end. */
void io_thread_wait(struct io_thread *thread);

#endif
