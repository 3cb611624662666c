/* SPDX-License-Identifier: Apache-2.0 */
/* Pausing a container and letting it go on. */
#include <errno.h>

#include "agent/container/container.h"
#include "lib/log.h"

/* A process is frozen where it next comes back from the kernel, which may take a moment. */
#define RETRY_INTERVAL_MS 5
#define RETRIES_MAX	  2000

static void check_frozen(void *ctx)
{
	struct container *container = ctx;
	struct err err = ERR_INIT;

	if (cgroup_is_frozen(container->cgroup)) {
		if (container->state == CONTAINER_RUNNING)
			container->state = CONTAINER_PAUSED;
		loop_source_free(TAKE_PTR(container->timer));
		container_report(container, NULL);
		return;
	}
	if (container->tries++ < RETRIES_MAX && container->state == CONTAINER_RUNNING) {
		loop_timer_arm(container->timer, RETRY_INTERVAL_MS);
		return;
	}
	loop_source_free(TAKE_PTR(container->timer));
	/* A half frozen container is of no use to anybody. */
	if (cgroup_freeze(container->cgroup, false, NULL) < 0)
		log_warn("container %s: cannot thaw it", container->id);
	err_say(&err, ETIMEDOUT, "container %s does not freeze", container->id);
	container_report(container, &err);
}

int container_pause(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
{
	int r;

	if (container->state != CONTAINER_RUNNING || container->done)
		return err_say(err, EBUSY, "container %s is not running", container->id);
	r = loop_add_timer(container->engine->loop, check_frozen, container, &container->timer);
	if (r < 0)
		return err_set(err, -r, "cannot pause container %s", container->id);
	r = cgroup_freeze(container->cgroup, true, err);
	if (r < 0) {
		loop_source_free(TAKE_PTR(container->timer));
		return r;
	}
	container->tries = 0;
	container->done = done;
	container->done_ctx = ctx;
	loop_timer_arm(container->timer, 0);
	return 0;
}

int container_resume(struct container *container, struct err *err)
{
	int r;

	if (container->state != CONTAINER_PAUSED)
		return err_say(err, EBUSY, "container %s is not paused", container->id);
	r = cgroup_freeze(container->cgroup, false, err);
	if (r == 0)
		container->state = CONTAINER_RUNNING;
	return r;
}
