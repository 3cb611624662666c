/* SPDX-License-Identifier: Apache-2.0 */
/* An existing container. */
#include "cli/container.h"

#include <errno.h>

#include "cli/config.h"

static const char *const status_names[] = {
	[CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
	[CONTAINER_STOPPED] = "stopped",   [CONTAINER_DEAD] = "dead",
};

const char *container_status_name(enum container_status status)
{
	return status_names[status];
}

static enum container_status status_of_task(KataLike__Task__Status status)
{
	switch (status) {
	case KATA_LIKE__TASK__STATUS__CREATED:
		return CONTAINER_CREATED;
	case KATA_LIKE__TASK__STATUS__RUNNING:
		return CONTAINER_RUNNING;
	case KATA_LIKE__TASK__STATUS__PAUSED:
	case KATA_LIKE__TASK__STATUS__PAUSING:
		return CONTAINER_PAUSED;
	case KATA_LIKE__TASK__STATUS__STOPPED:
		return CONTAINER_STOPPED;
	default:
		return CONTAINER_CREATING;
	}
}

static void take_state(struct container *container, const KataLike__Task__StateResponse *state)
{
	container->status = status_of_task(state->status);
	container->terminal = state->terminal;
	if (container->status != CONTAINER_STOPPED)
		container->pid = state->pid;
	container->exit_record.status = state->exit_status;
	if (state->exited_at) {
		container->exit_record.exited_at_s = state->exited_at->seconds;
		container->exit_record.exited_at_ns = (uint32_t)state->exited_at->nanos;
	}
	if (state->bundle && state->bundle[0])
		(void)snprintf(container->bundle, sizeof(container->bundle), "%s", state->bundle);
}

/* A shim that does not answer, or knows nothing of the container, leaves the status as it was. */
static int ask_shim(struct container *container, struct err *err)
{
	KataLike__Task__StateRequest request = KATA_LIKE__TASK__STATE_REQUEST__INIT;
	_cleanup_task_ KataLike__Task__StateResponse *state = NULL;
	char address[PATHS_MAX];
	int r;

	if (record_address(&container->record, address, NULL) < 0)
		return 0;
	r = task_client_new(container->loop, container->record.namespace, address,
			    container->signals ? signals_noted(container->signals) : NULL,
			    &container->client, err);
	if (r < 0)
		return r == -ECONNREFUSED || r == -ENOENT ? 0 : r;
	request.id = container->record.id;
	r = task_state(container->client, &request, &state, err);
	if (r == 0)
		take_state(container, state);
	return r == -ENOENT ? 0 : r;
}

/*
 * Where the shim does not answer for the container, someone may just be ending it: what that has
 * left is the state then. r: what asking gave.
 */
static int settle(struct container *container, int r, struct err *err)
{
	const struct record *record = &container->record;

	if (r < 0 && r != -ECONNRESET)
		return r;
	r = ending_wait_for_other(record->namespace, record->id, err);
	if (r < 0)
		return r;
	if (record_read_exit(record, &container->exit_record, NULL) < 0) {
		struct record again;

		return record_open(record->namespace, record->id, &again, err);
	}
	task_client_free(container->client);
	container->client = NULL;
	container->status = CONTAINER_STOPPED;
	return 0;
}

int container_open(const struct cli *cli, const char *id, struct container *ret_container,
		   struct err *err)
{
	struct container *container = ret_container;
	int r = record_open(cli->namespace, id, &container->record, err);

	container->cli = cli;
	if (r == 0)
		r = loop_new(&container->loop, err);
	if (r == 0)
		r = record_path(&container->record, "bundle", container->bundle, err);
	if (r < 0)
		return r;
	if (record_read_exit(&container->record, &container->exit_record, NULL) == 0) {
		container->status = CONTAINER_STOPPED;
		return 0;
	}
	container->status =
		record_is_attended(&container->record) ? CONTAINER_CREATING : CONTAINER_DEAD;
	r = ask_shim(container, err);
	if (r == 0 && container->status != CONTAINER_CREATING &&
	    container->status != CONTAINER_DEAD)
		return 0;
	return settle(container, r, err);
}

int container_open_live(const struct cli *cli, const char *id, struct container *ret_container,
			struct err *err)
{
	int r = container_open(cli, id, ret_container, err);

	if (r < 0)
		return r;
	switch (ret_container->status) {
	case CONTAINER_DEAD:
		return err_say(err, ESRCH,
			       "container \"%s\" is dead: its daemon has ended; `kata-like delete "
			       "%s` cleans up",
			       id, id);
	case CONTAINER_CREATING:
		return err_say(err, ESRCH, "container \"%s\" is still being created", id);
	default:
		break;
	}
	if (!ret_container->client)
		return err_say(err, ESRCH, "container not running: \"%s\" has stopped", id);
	return 0;
}

void container_fini(struct container *container)
{
	task_client_free(container->client);
	record_fini(&container->record);
	signals_free(container->signals);
	loop_free(container->loop);
}

struct ending container_ending(const struct container *container)
{
	return (struct ending){ container->cli, container->loop, &container->record,
				container->client };
}

int container_config(const struct container *container, struct json_object **ret_config,
		     struct err *err)
{
	return config_load(container->bundle, ret_config, err);
}
