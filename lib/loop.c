/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop, on epoll: every kind of source is a descriptor underneath. */
#include "lib/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/syscalls.h"

/* vCPU threads add and remove sources as well. Timers, signals and children are set up before. */
SYSCALLS(SYSCALL(SYSCALLS_MAIN | SYSCALLS_IO, epoll_wait), SYSCALL(SYSCALLS_ALL, epoll_ctl),
	 SYSCALL(SYSCALLS_MAIN, timerfd_settime));

enum source_kind {
	SOURCE_FD,
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE_CHILD,
	SOURCE_DEFERRED,
};

/*
 * Freed sources stay on the `dead` list until the events at hand are through: epoll may have
 * returned one of them already.
 */
struct loop_source {
	struct loop *loop;
	struct loop_source *next, *prev;
	enum source_kind kind;
	bool dead;
	int fd;
	bool owns_fd;
	pid_t pid;
	void *ctx;
	union {
		loop_fd_fn *on_fd;
		loop_fn *on_call;
		loop_signal_fn *on_signal;
		loop_child_fn *on_child;
	};
};

struct loop {
	int epoll_fd;
	struct loop_source *sources; /* every live one but the deferred */
	struct loop_source *deferred, *deferred_last;
	struct loop_source *dead;
	bool quit;
	int quit_code;
};

int loop_new(struct loop **ret_loop, struct err *err)
{
	_cleanup_free_ struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return err_set(err, ENOMEM, "cannot make an event loop");
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return err_set(err, errno, "cannot make an event loop");
	*ret_loop = TAKE_PTR(loop);
	return 0;
}

static void bury_the_dead(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *source = loop->dead;

		loop->dead = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->sources)
		loop_source_free(loop->sources);
	while (loop->deferred)
		loop_source_free(loop->deferred);
	bury_the_dead(loop);
	close(loop->epoll_fd);
	free(loop);
}

static struct loop_source *source_new(struct loop *loop, enum source_kind kind, void *ctx)
{
	struct loop_source *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	source->loop = loop;
	source->kind = kind;
	source->ctx = ctx;
	source->fd = -1;
	return source;
}

static void source_link(struct loop_source *source)
{
	struct loop *loop = source->loop;

	source->next = loop->sources;
	if (source->next)
		source->next->prev = source;
	loop->sources = source;
}

/* Registers a new source with epoll; frees it where that fails. */
static int source_register(struct loop_source *source, uint32_t events,
			   struct loop_source **ret_source)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0) {
		int r = -errno;

		if (source->owns_fd)
			close(source->fd);
		free(source);
		return r;
	}
	source_link(source);
	if (ret_source)
		*ret_source = source;
	return 0;
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx,
		struct loop_source **ret_source)
{
	struct loop_source *source = source_new(loop, SOURCE_FD, ctx);

	if (!source)
		return -ENOMEM;
	source->fd = fd;
	source->on_fd = fn;
	return source_register(source, events, ret_source);
}

int loop_source_set_events(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno
											: 0;
}

/*
 * A source whose descriptor the loop made itself: fd is that descriptor, or -1 with errno set. NULL
 * with errno set when either failed.
 */
static struct loop_source *add_owned(struct loop *loop, enum source_kind kind, int fd, void *ctx)
{
	struct loop_source *source;

	if (fd < 0)
		return NULL;
	source = source_new(loop, kind, ctx);
	if (!source) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	source->fd = fd;
	source->owns_fd = true;
	return source;
}

int loop_add_timer(struct loop *loop, loop_fn *fn, void *ctx, struct loop_source **ret_source)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct loop_source *source = add_owned(loop, SOURCE_TIMER, fd, ctx);

	if (!source)
		return -errno;
	source->on_call = fn;
	return source_register(source, EPOLLIN, ret_source);
}

void loop_timer_arm(struct loop_source *timer, int64_t delay_ms)
{
	struct itimerspec when = { 0 };

	/* An all-zero value disarms, so "now" is one nanosecond ahead. */
	if (delay_ms == 0)
		when.it_value.tv_nsec = 1;
	else if (delay_ms > 0) {
		when.it_value.tv_sec = delay_ms / 1000;
		when.it_value.tv_nsec = delay_ms % 1000 * 1000000;
	}
	(void)timerfd_settime(timer->fd, 0, &when, NULL);
}

int loop_add_deferred(struct loop *loop, loop_fn *fn, void *ctx, struct loop_source **ret_source)
{
	struct loop_source *source = source_new(loop, SOURCE_DEFERRED, ctx);

	if (!source)
		return -ENOMEM;
	source->on_call = fn;
	source->prev = loop->deferred_last;
	if (loop->deferred_last)
		loop->deferred_last->next = source;
	else
		loop->deferred = source;
	loop->deferred_last = source;
	if (ret_source)
		*ret_source = source;
	return 0;
}

int loop_add_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *ctx,
		    struct loop_source **ret_source)
{
	struct loop_source *source;
	sigset_t set;
	int r;

	sigemptyset(&set);
	sigaddset(&set, signal_number);
	r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r < 0)
		return r;
	source =
		add_owned(loop, SOURCE_SIGNAL, signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), ctx);
	if (!source)
		return -errno;
	source->on_signal = fn;
	return source_register(source, EPOLLIN, ret_source);
}

int loop_add_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *ctx,
		   struct loop_source **ret_source)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct loop_source *source = add_owned(loop, SOURCE_CHILD, fd, ctx);

	if (!source)
		return -errno;
	source->pid = pid;
	source->on_child = fn;
	return source_register(source, EPOLLIN, ret_source);
}

bool loop_has_child(const struct loop *loop, pid_t pid)
{
	for (const struct loop_source *source = loop->sources; source; source = source->next)
		if (source->kind == SOURCE_CHILD && source->pid == pid)
			return true;
	return false;
}

static void source_unlink(struct loop_source *source)
{
	struct loop *loop = source->loop;
	bool deferred = source->kind == SOURCE_DEFERRED;

	if (source->prev)
		source->prev->next = source->next;
	else if (deferred)
		loop->deferred = source->next;
	else
		loop->sources = source->next;
	if (source->next)
		source->next->prev = source->prev;
	else if (deferred)
		loop->deferred_last = source->prev;
}

void loop_source_free(struct loop_source *source)
{
	if (!source || source->dead)
		return;
	source->dead = true;
	source_unlink(source);
	if (source->kind != SOURCE_DEFERRED)
		(void)epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->owns_fd)
		close(source->fd);
	source->next = source->loop->dead;
	source->loop->dead = source;
}

static void dispatch_signal(struct loop_source *source)
{
	struct signalfd_siginfo info;

	while (!source->dead && read(source->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		source->on_signal(source->ctx, &info);
}

static void dispatch_child(struct loop_source *source)
{
	int wait_status = 0;
	loop_child_fn *fn = source->on_child;
	void *ctx = source->ctx;
	pid_t pid = source->pid;

	if (waitpid(pid, &wait_status, WNOHANG) == 0)
		return;
	loop_source_free(source);
	fn(ctx, pid, wait_status);
}

static void dispatch(struct loop_source *source, uint32_t events)
{
	uint64_t expirations;

	switch (source->kind) {
	case SOURCE_FD:
		source->on_fd(source->ctx, source->fd, events);
		break;
	case SOURCE_TIMER:
		if (read(source->fd, &expirations, sizeof(expirations)) > 0)
			source->on_call(source->ctx);
		break;
	case SOURCE_SIGNAL:
		dispatch_signal(source);
		break;
	case SOURCE_CHILD:
		dispatch_child(source);
		break;
	case SOURCE_DEFERRED:
		break;
	}
}

/* Those that were deferred before this call; what they defer themselves comes the next time. */
static void run_deferred(struct loop *loop)
{
	struct loop_source *last = loop->deferred_last;

	while (loop->deferred) {
		struct loop_source *source = loop->deferred;
		bool was_last = source == last;
		loop_fn *fn = source->on_call;
		void *ctx = source->ctx;

		loop_source_free(source);
		fn(ctx);
		if (was_last)
			break;
	}
}

int loop_step(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[16];
	int n = epoll_wait(loop->epoll_fd, events, ARRAY_SIZE(events),
			   loop->deferred ? 0 : timeout_ms);

	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;

		if (!source->dead)
			dispatch(source, events[i].events);
	}
	run_deferred(loop);
	bury_the_dead(loop);
	return 0;
}

void loop_quit(struct loop *loop, int code)
{
	loop->quit = true;
	loop->quit_code = code;
}

int loop_run(struct loop *loop)
{
	loop->quit = false;
	while (!loop->quit) {
		int r = loop_step(loop, -1);

		if (r < 0)
			return r;
	}
	return loop->quit_code;
}
