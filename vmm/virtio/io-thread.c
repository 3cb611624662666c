/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for devices. */
#include "vmm/virtio/io-thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>

#define STACK_BYTES (64u << 10)

static void *run(void *arg)
{
	struct io_thread *thread = arg;
	bool confined;

	(void)pthread_setname_np(pthread_self(), "io");
	confined = !thread->confine || thread->confine(thread->confine_ctx) == 0;

	pthread_mutex_lock(&thread->lock);
	if (!confined) {
		thread->dead = true;
		pthread_cond_broadcast(&thread->changed);
	}
	while (confined) {
		while (!thread->fn && !thread->quit)
			pthread_cond_wait(&thread->changed, &thread->lock);
		if (!thread->fn)
			break;
		pthread_mutex_unlock(&thread->lock);
		thread->fn(thread->ctx);
		pthread_mutex_lock(&thread->lock);
		thread->fn = NULL;
		pthread_cond_broadcast(&thread->changed);
	}
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

/* Signals are the main thread's. */
static int start(struct io_thread *thread)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	r = pthread_attr_setstacksize(&attr, STACK_BYTES);
	if (r == 0)
		r = pthread_create(&thread->thread, &attr, run, thread);
	pthread_attr_destroy(&attr);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

static void release(struct io_thread *thread)
{
	cleanup_fd(&thread->epoll_fd);
	pthread_cond_destroy(&thread->changed);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
}

static int make(const struct io_threads *threads, struct io_thread **ret_thread, struct err *err)
{
	struct io_thread *thread = calloc(1, sizeof(*thread));
	int r;

	if (!thread)
		return err_set(err, ENOMEM, "cannot make a thread");
	pthread_mutex_init(&thread->lock, NULL);
	pthread_cond_init(&thread->changed, NULL);
	if (threads) {
		thread->confine = threads->confine;
		thread->confine_ctx = threads->confine_ctx;
	}
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = thread->epoll_fd < 0 ? -errno : start(thread);
	if (r < 0) {
		release(thread);
		return err_set(err, -r, "cannot make a thread");
	}
	*ret_thread = thread;
	return 0;
}

static void end(struct io_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	thread->quit = true;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
	(void)pthread_join(thread->thread, NULL);
	release(thread);
}

int io_threads_init(struct io_threads *threads, size_t n, struct err *err)
{
	int r = 0;

	threads->shut = true;
	while (threads->n < n && r == 0) {
		r = make(threads, &threads->spare[threads->n], err);
		threads->n += r == 0;
	}
	return r;
}

void io_threads_fini(struct io_threads *threads)
{
	while (threads->n > 0)
		end(threads->spare[--threads->n]);
}

int io_threads_take(struct io_threads *threads, struct io_thread **ret_thread, struct err *err)
{
	if (threads && threads->n > 0) {
		*ret_thread = threads->spare[--threads->n];
		return 0;
	}
	if (threads && threads->shut)
		return err_say(err, ENOSPC,
			       "there are as many devices with threads as this VM can "
			       "have");
	return make(threads, ret_thread, err);
}

void io_threads_put(struct io_threads *threads, struct io_thread *thread)
{
	if (!thread)
		return;
	if (threads && threads->n < IO_THREADS_MAX)
		threads->spare[threads->n++] = thread;
	else
		end(thread);
}

void io_thread_start(struct io_thread *thread, io_thread_fn *fn, void *ctx)
{
	pthread_mutex_lock(&thread->lock);
	thread->fn = fn;
	thread->ctx = ctx;
	pthread_cond_broadcast(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

void io_thread_wait(struct io_thread *thread)
{
	pthread_mutex_lock(&thread->lock);
	while (thread->fn && !thread->dead)
		pthread_cond_wait(&thread->changed, &thread->lock);
	pthread_mutex_unlock(&thread->lock);
}
