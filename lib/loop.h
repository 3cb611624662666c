/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop that each of the programs runs in one thread: descriptors, timers, signals, child
 * processes. Sources belong to whoever added them; freeing one inside its own or another source's
 * callback is safe. Not thread-safe: one loop, one thread.
 */
#ifndef KATA_LIKE_LIB_LOOP_H
#define KATA_LIKE_LIB_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/err.h"

struct loop;
struct loop_source;

/* events: the EPOLL* bits that are pending. */
typedef void loop_fd_fn(void *ctx, int fd, uint32_t events);
typedef void loop_fn(void *ctx);
typedef void loop_signal_fn(void *ctx, const struct signalfd_siginfo *info);
/* wait_status: as waitpid(2) gives it; the child has been reaped. */
typedef void loop_child_fn(void *ctx, pid_t pid, int wait_status);

int loop_new(struct loop **ret_loop, struct err *err) _must_check_;
/* Sources still registered are freed with it. NULL is fine. */
void loop_free(struct loop *loop);

/* Runs until loop_quit(); returns the code given there, or -errno if epoll itself fails. */
int loop_run(struct loop *loop) _must_check_;
/* Handles what is pending, waiting at most timeout_ms (-1: forever, 0: not at all). 0 or -errno. */
int loop_step(struct loop *loop, int timeout_ms) _must_check_;
void loop_quit(struct loop *loop, int code);

/* Watches a descriptor, which stays the caller's (close it after freeing the source). */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *ctx,
		struct loop_source **ret_source) _must_check_;
/* Changes what is watched for; 0 stops watching without forgetting. */
int loop_source_set_events(struct loop_source *source, uint32_t events) _must_check_;

/* A timer, not yet armed. */
int loop_add_timer(struct loop *loop, loop_fn *fn, void *ctx, struct loop_source **ret_source)
	_must_check_;
/* Fires once, after delay_ms; again arms it anew. A negative delay disarms it. */
void loop_timer_arm(struct loop_source *timer, int64_t delay_ms);

/*
 * Calls fn once, from the loop, after the events at hand. The source frees itself before the call:
 * forget it there. ret_source may be NULL.
 */
int loop_add_deferred(struct loop *loop, loop_fn *fn, void *ctx, struct loop_source **ret_source)
	_must_check_;

/* Blocks the signal in this thread (do it before starting others) and takes it by signalfd. */
int loop_add_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *ctx,
		    struct loop_source **ret_source) _must_check_;

/* Waits for a child by pidfd and reaps it. Freeing the source does not touch the child. */
int loop_add_child(struct loop *loop, pid_t pid, loop_child_fn *fn, void *ctx,
		   struct loop_source **ret_source) _must_check_;

/* True for a process that loop_add_child() waits for. */
bool loop_has_child(const struct loop *loop, pid_t pid);

/* Ends a source; NULL is fine. Its callback is not called any more, even for events at hand. */
void loop_source_free(struct loop_source *source);

static inline void cleanup_loop(struct loop **loop)
{
	loop_free(*loop);
}
#define _cleanup_loop_ _cleanup_(cleanup_loop)

#endif
