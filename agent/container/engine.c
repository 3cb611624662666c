/* SPDX-License-Identifier: Apache-2.0 */
/* The container engine: all containers of one VM. */
#include "agent/container/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "agent/container/container.h"
#include "lib/fd.h"

int engine_init(struct engine *engine, struct loop *loop, const struct engine_config *config,
		struct err *err)
{
	int r;

	*engine = (struct engine){
		.loop = loop, .config = *config, .cgroup_base_fd = -1, .null_fd = -1
	};
	engine->pod.in_guest = config->in_guest;
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++)
		engine->pod.fds[kind] = -1;
	engine->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (engine->null_fd < 0)
		return err_set(err, errno, "cannot open /dev/null");
	r = dir_make(config->work_dir, 0700, err);
	if (r == 0)
		r = cgroup_base_open(config->cgroup_mount, config->cgroup_base,
				     &engine->cgroup_base_fd, err);
	if (r == 0)
		r = reaper_new(loop, &engine->reaper, err);
	if (r < 0)
		engine_fini(engine);
	return r;
}

void engine_fini(struct engine *engine)
{
	namespaces_forget(&engine->pod);
	reaper_free(TAKE_PTR(engine->reaper));
	if (engine->cgroup_base_fd >= 0)
		close(TAKE_FD(engine->cgroup_base_fd));
	if (engine->null_fd >= 0)
		close(TAKE_FD(engine->null_fd));
}

struct container *engine_find(const struct engine *engine, const char *container_id)
{
	for (struct container *c = engine->containers; c; c = c->next) {
		if (strcmp(c->id, container_id) == 0)
			return c;
	}
	return NULL;
}

struct destruction {
	struct engine *engine;
	struct loop_source *timer;
	engine_done_fn *done;
	void *ctx;
};

#define DESTROY_INTERVAL_MS 5

static void on_deleted(void *ctx, const struct err *err, pid_t pid)
{
	(void)ctx;
	(void)err;
	(void)pid;
}

/* Kills what runs and deletes what has stopped, again and again until nothing is left. */
static void destroy_more(void *ctx)
{
	struct destruction *destruction = ctx;
	struct container *next;

	for (struct container *c = destruction->engine->containers; c; c = next) {
		next = c->next;
		if (c->state != CONTAINER_STOPPED && container_kill(c) < 0)
			continue;
		if (container_delete(c, on_deleted, NULL, NULL) < 0)
			continue;
	}
	if (destruction->engine->containers) {
		loop_timer_arm(destruction->timer, DESTROY_INTERVAL_MS);
		return;
	}
	loop_source_free(destruction->timer);
	destruction->done(destruction->ctx, NULL, 0);
	free(destruction);
}

void engine_destroy_all(struct engine *engine, engine_done_fn *done, void *ctx)
{
	struct destruction *destruction = calloc(1, sizeof(*destruction));
	struct err err = ERR_INIT;
	int r = destruction ? 0 : -ENOMEM;

	if (r == 0) {
		*destruction = (struct destruction){ .engine = engine, .done = done, .ctx = ctx };
		r = loop_add_timer(engine->loop, destroy_more, destruction, &destruction->timer);
	}
	if (r < 0) {
		free(destruction);
		err_set(&err, -r, "cannot remove the containers");
		done(ctx, &err, 0);
		return;
	}
	loop_timer_arm(destruction->timer, 0);
}
