/* SPDX-License-Identifier: Apache-2.0 */
/* The reaper: collects every child of PID 1. */
#include "agent/reaper.h"

#include <errno.h>
#include <sys/wait.h>

struct watched {
	pid_t pid;
	loop_child_fn *fn;
	void *ctx;
	struct watched *next;
};

struct reaper {
	struct loop_source *signal;
	struct watched *watched;
};

static struct watched *reaper_take(struct reaper *reaper, pid_t pid)
{
	for (struct watched **at = &reaper->watched; *at; at = &(*at)->next) {
		struct watched *found = *at;

		if (found->pid == pid) {
			*at = found->next;
			return found;
		}
	}
	return NULL;
}

static void on_child_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct reaper *reaper = ctx;
	int wait_status;
	pid_t pid;

	(void)info;
	while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
		_cleanup_free_ struct watched *watched = reaper_take(reaper, pid);

		if (watched)
			watched->fn(watched->ctx, pid, wait_status);
	}
}

int reaper_new(struct loop *loop, struct reaper **ret_reaper, struct err *err)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));
	int r;

	if (!reaper)
		return err_set(err, ENOMEM, "cannot make a reaper");
	r = loop_add_signal(loop, SIGCHLD, on_child_signal, reaper, &reaper->signal);
	if (r < 0) {
		free(reaper);
		return err_set(err, -r, "cannot watch for ended children");
	}
	*ret_reaper = reaper;
	return 0;
}

void reaper_free(struct reaper *reaper)
{
	if (!reaper)
		return;
	loop_source_free(reaper->signal);
	while (reaper->watched) {
		struct watched *next = reaper->watched->next;

		free(reaper->watched);
		reaper->watched = next;
	}
	free(reaper);
}

int reaper_watch(struct reaper *reaper, pid_t pid, loop_child_fn *fn, void *ctx)
{
	struct watched *watched = malloc(sizeof(*watched));

	if (!watched)
		return -ENOMEM;
	*watched = (struct watched){ .pid = pid, .fn = fn, .ctx = ctx, .next = reaper->watched };
	reaper->watched = watched;
	return 0;
}

void reaper_forget(struct reaper *reaper, pid_t pid)
{
	free(reaper_take(reaper, pid));
}
