/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon of one pod. */
#include "shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "lib/log.h"
#include "shim/creation.h"
#include "shim/events/task-events.h"
#include "shim/orphans.h"
#include "shim/sandbox-api/service.h"
#include "shim/task/service.h"

/* A shim without any container ends itself after so long: whoever started it is gone. */
#define IDLE_TIMEOUT_MS 30000
/* containerd waits three seconds for a Shutdown. */
#define FLUSH_TIMEOUT_MS 1500

struct shim_shutdown {
	struct shim_shutdown *next;
	loop_fn *done;
	void *ctx;
};

struct container *shim_find(struct shim *shim, const char *id, bool unready)
{
	for (struct container *c = shim->containers; c; c = c->next)
		if (strcmp(c->id, id) == 0)
			return c->ready || unready ? c : NULL;
	return NULL;
}

void shim_add_container(struct shim *shim, struct container *container)
{
	container->next = shim->containers;
	shim->containers = container;
	loop_timer_arm(shim->idle_timer, -1);
}

void shim_remove_container(struct shim *shim, struct container *container)
{
	for (struct container **at = &shim->containers; *at; at = &(*at)->next) {
		if (*at != container)
			continue;
		*at = container->next;
		container_free(container);
		break;
	}
	if (!shim->containers && !shim->api)
		loop_timer_arm(shim->idle_timer, IDLE_TIMEOUT_MS);
}

bool shim_ends_with(const struct shim *shim, const struct container *container)
{
	return !shim->api && shim->containers == container && !container->next;
}

int shim_open_stdio(struct shim *shim, struct process *process, struct err *err)
{
	const struct stdio_parts parts = { shim->loop, sandbox_link(shim->sandbox),
					   sandbox_next_port(shim->sandbox), shim->streams };

	return process_open_stdio(process, &parts, err);
}

int shim_hold_process(struct shim *shim, struct process *process, struct err *err)
{
	struct holder_config config = { shim->place.netns_fd, shim->place.cgroup_fd };

	return process_hold(process, shim->loop, &config, err);
}

/* The number comes with an event and with each exit: what of it is new is told once. */
static void note_oom_kills(struct shim *shim, struct container *container, uint64_t kills)
{
	if (kills <= container->oom_kills)
		return;
	container->oom_kills = kills;
	log_warn("container %s ran out of memory", container->id);
	task_event_oom(shim->events, container->id);
}

void shim_note_exit(void *ctx, const struct process *process)
{
	struct shim *shim = ctx;

	note_oom_kills(shim, process->container, process->oom_kills);
	task_event_exited(shim->events, process);
	log_info("%s%s%s exited with status %u", process->container->id,
		 *process->exec_id ? "/" : "", process->exec_id, process->exit_status);
}

static void sandbox_is_gone(void *ctx, bool killed, const char *reason)
{
	struct shim *shim = ctx;
	uint32_t status = killed || !reason ? PROCESS_STATUS_KILLED : PROCESS_STATUS_LOST;

	for (struct container *c = shim->containers; c; c = c->next)
		if (c->ready)
			container_all_over(c, status);
	sandbox_api_gone(shim->api, reason ? status : 0);
	storage_abandon(shim->storage);
}

static void out_of_memory(void *ctx, const char *container_id, uint64_t kills)
{
	struct shim *shim = ctx;
	struct container *container = shim_find(shim, container_id, false);

	if (container)
		note_oom_kills(shim, container, kills);
}

static void quit(void *ctx)
{
	struct shim *shim = ctx;

	loop_quit(shim->loop, 0);
}

/* Everything is over and told: the folder goes, who asked for the end hears of it. */
static void events_flushed(void *ctx)
{
	struct shim *shim = ctx;
	struct err err = ERR_INIT;

	storage_end(shim->storage);
	place_leave(&shim->place);
	if (state_remove(&shim->state, &err) < 0)
		log_error("%s", err_text(&err));
	while (shim->shutdowns) {
		struct shim_shutdown *shutdown = shim->shutdowns;

		shim->shutdowns = shutdown->next;
		shutdown->done(shutdown->ctx);
		free(shutdown);
	}
	/* The answers are on their way before the loop comes to this. */
	if (loop_add_deferred(shim->loop, quit, shim, NULL) < 0)
		quit(shim);
}

static void sandbox_stopped(void *ctx)
{
	struct shim *shim = ctx;

	while (shim->containers)
		shim_remove_container(shim, shim->containers);
	if (shim->events)
		publisher_flush(shim->events, FLUSH_TIMEOUT_MS, events_flushed, shim);
	else
		events_flushed(shim);
}

int shim_shut_down(struct shim *shim, loop_fn *done, void *ctx)
{
	struct shim_shutdown *shutdown = done ? calloc(1, sizeof(*shutdown)) : NULL;

	if (done && !shutdown)
		return -ENOMEM;
	if (done) {
		*shutdown = (struct shim_shutdown){ shim->shutdowns, done, ctx };
		shim->shutdowns = shutdown;
	}
	if (shim->stopping)
		return 0;
	shim->stopping = true;
	creation_cancel_all(shim);
	sandbox_stop(shim->sandbox, sandbox_stopped, shim);
	return 0;
}

static void idle_too_long(void *ctx)
{
	struct shim *shim = ctx;

	if (shim->containers)
		return;
	log_info("no container for %d s: shutting down", IDLE_TIMEOUT_MS / 1000);
	(void)shim_shut_down(shim, NULL, NULL);
}

static void asked_to_end(void *ctx, const struct signalfd_siginfo *info)
{
	log_info("signal %u: shutting down", info->ssi_signo);
	(void)shim_shut_down(ctx, NULL, NULL);
}

static int set_up(struct shim *shim, const struct shim_config *config, struct err *err)
{
	struct sandbox_callbacks callbacks = { sandbox_is_gone, out_of_memory, shim };
	int r = loop_new(&shim->loop, err);

	if (r == 0)
		r = ttrpc_server_new(shim->loop, &shim->server, err);
	if (r < 0) {
		close(config->listen_fd);
		return r;
	}
	r = ttrpc_server_listen(shim->server, config->listen_fd, true);
	if (r == 0)
		r = streams_new(shim->loop, &shim->streams, err);
	if (r == 0)
		r = streams_register(shim->streams, shim->server);
	if (r == 0)
		r = task_service_register(shim);
	if (r == 0)
		r = sandbox_api_register(shim);
	if (r == 0)
		r = loop_add_timer(shim->loop, idle_too_long, shim, &shim->idle_timer);
	if (r == 0)
		r = loop_add_signal(shim->loop, SIGTERM, asked_to_end, shim, &shim->sigterm);
	if (r == 0)
		r = loop_add_signal(shim->loop, SIGINT, asked_to_end, shim, &shim->sigint);
	if (r < 0)
		return err_set(err, -r, "cannot set up the shim");
	loop_timer_arm(shim->idle_timer, IDLE_TIMEOUT_MS);
	r = orphans_adopt(shim->loop, err);
	if (r == 0)
		r = publisher_new(shim->loop, &config->events, &shim->events, err);
	if (r == 0)
		r = sandbox_new(shim->loop, &shim->state, config->debug, &callbacks, &shim->sandbox,
				err);
	return r < 0 ? r
		     : storage_new(shim->loop, &shim->state, &shim->place, shim->sandbox,
				   &shim->storage, err);
}

static void tear_down(struct shim *shim)
{
	while (shim->containers)
		shim_remove_container(shim, shim->containers);
	sandbox_api_free(shim->api);
	sandbox_free(shim->sandbox);
	storage_free(shim->storage);
	publisher_free(shim->events);
	ttrpc_server_free(shim->server);
	streams_free(shim->streams);
	loop_free(shim->loop);
}

int shim_serve(const struct shim_config *config, struct err *err)
{
	struct shim shim = { .state = *config->state, .place = PLACE_INIT };
	int r = set_up(&shim, config, err);

	if (r == 0) {
		config->on_ready();
		r = loop_run(shim.loop);
		if (r < 0)
			(void)err_set(err, -r, "cannot wait for events");
	}
	tear_down(&shim);
	return r;
}
