/* SPDX-License-Identifier: Apache-2.0 */
/* Watches a cgroup for processes that are killed for want of memory. */
#include "agent/container/oom.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "agent/mount/resolve.h"

struct oom_watch {
	const struct cgroup *cgroup;
	struct loop_source *source;
	int inotify_fd;
	uint64_t kills;
	oom_watch_fn *fn;
	void *ctx;
};

static uint64_t read_kills(const struct cgroup *cgroup)
{
	char text[512];
	const char *line;

	if (cgroup_read(cgroup, "memory.events", text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "oom_kill ");
	return line ? strtoull(line + strlen("oom_kill "), NULL, 10) : 0;
}

uint64_t oom_watch_check(struct oom_watch *watch)
{
	uint64_t kills;

	if (!watch)
		return 0;
	kills = read_kills(watch->cgroup);
	if (kills > watch->kills) {
		watch->kills = kills;
		watch->fn(watch->ctx, kills);
	}
	return watch->kills;
}

static void on_change(void *ctx, int fd, uint32_t events)
{
	char buffer[1024];

	(void)events;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	(void)oom_watch_check(ctx);
}

int oom_watch_new(struct loop *loop, const struct cgroup *cgroup, oom_watch_fn *fn, void *ctx,
		  struct oom_watch **ret_watch, struct err *err)
{
	struct oom_watch *watch;
	char dir[RESOLVE_FD_PATH_MAX], path[RESOLVE_FD_PATH_MAX + 16];
	int r = 0;

	*ret_watch = NULL;
	if (faccessat(cgroup->fd, "memory.events", F_OK, 0) < 0)
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return err_set(err, ENOMEM, "cannot watch for want of memory");
	*watch = (struct oom_watch){ .cgroup = cgroup, .fn = fn, .ctx = ctx };
	(void)snprintf(path, sizeof(path), "%s/memory.events", resolve_fd_path(cgroup->fd, dir));
	watch->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (watch->inotify_fd < 0 || inotify_add_watch(watch->inotify_fd, path, IN_MODIFY) < 0)
		r = -errno;
	if (r == 0)
		r = loop_add_fd(loop, watch->inotify_fd, EPOLLIN, on_change, watch, &watch->source);
	if (r < 0) {
		oom_watch_free(watch);
		return err_set(err, -r, "cannot watch for want of memory");
	}
	*ret_watch = watch;
	return 0;
}

void oom_watch_free(struct oom_watch *watch)
{
	if (!watch)
		return;
	loop_source_free(watch->source);
	if (watch->inotify_fd >= 0)
		close(watch->inotify_fd);
	free(watch);
}
