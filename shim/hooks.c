/* SPDX-License-Identifier: Apache-2.0 */
/* The hooks of a container that run on the host. */
#include "shim/hooks.h"

#include <errno.h>
#include <string.h>

#include "lib/log.h"
#include "oci/hooks.h"
#include "shim/job.h"

struct hooks {
	struct oci_spec *spec;
	char *id, *bundle;
	/* While a stage runs. */
	struct job *job;
	enum hooks_stage stage;
	pid_t pid;
	hooks_done_fn *done;
	void *ctx;
};

int hooks_new(struct oci_spec *spec, const char *id, const char *bundle, struct hooks **ret_hooks,
	      struct err *err)
{
	const struct oci_hooks *all = &spec->hooks;
	struct hooks *hooks;

	*ret_hooks = NULL;
	if (all->prestart.n + all->create_runtime.n + all->poststart.n + all->poststop.n == 0) {
		oci_spec_free(spec);
		return 0;
	}
	hooks = calloc(1, sizeof(*hooks));
	if (!hooks) {
		oci_spec_free(spec);
		return err_set(err, ENOMEM, "hooks");
	}
	hooks->spec = spec;
	hooks->id = strdup(id);
	hooks->bundle = strdup(bundle);
	if (!hooks->id || !hooks->bundle) {
		hooks_free(hooks);
		return err_set(err, ENOMEM, "hooks");
	}
	*ret_hooks = hooks;
	return 0;
}

void hooks_cancel(struct hooks *hooks)
{
	if (!hooks)
		return;
	job_cancel(TAKE_PTR(hooks->job));
	hooks->done = NULL;
}

void hooks_free(struct hooks *hooks)
{
	hooks_done_fn *done = hooks ? hooks->done : NULL;
	struct err err = ERR_INIT;

	if (!hooks)
		return;
	hooks_cancel(hooks);
	if (done) {
		(void)err_say(&err, ECANCELED, "the container is gone before its hooks ended");
		done(hooks->ctx, &err);
	}
	oci_spec_free(hooks->spec);
	free(hooks->bundle);
	free(hooks->id);
	free(hooks);
}

bool hooks_has(const struct hooks *hooks, enum hooks_stage stage)
{
	const struct oci_hooks *all = hooks ? &hooks->spec->hooks : NULL;

	if (!all)
		return false;
	switch (stage) {
	case HOOKS_CREATE:
		return all->prestart.n + all->create_runtime.n > 0;
	case HOOKS_POSTSTART:
		return all->poststart.n > 0;
	case HOOKS_POSTSTOP:
		return all->poststop.n > 0;
	}
	return false;
}

/* The container is gone already: none of its hooks can stop that. */
static void run_poststop(const struct hooks *hooks, const struct oci_state *state)
{
	const struct oci_hook_list *all = &hooks->spec->hooks.poststop;

	for (size_t i = 0; i < all->n; i++) {
		const struct oci_hook_list one = { .list = &all->list[i], .n = 1 };
		struct err err = ERR_INIT;

		if (oci_hooks_run(&one, "poststop", hooks->spec, state, &err) < 0)
			log_warn("container %s: %s", hooks->id, err_text(&err));
	}
}

/* In the job's process. */
static int work(const void *input, struct job_output *output, struct err *err)
{
	const struct hooks *hooks = input;
	const struct oci_hooks *all = &hooks->spec->hooks;
	struct oci_state state = { .id = hooks->id, .bundle = hooks->bundle, .pid = hooks->pid };
	int r = 0;

	(void)output;
	switch (hooks->stage) {
	case HOOKS_CREATE:
		state.status = "creating";
		r = oci_hooks_run(&all->prestart, "prestart", hooks->spec, &state, err);
		if (r == 0)
			r = oci_hooks_run(&all->create_runtime, "createRuntime", hooks->spec,
					  &state, err);
		break;
	case HOOKS_POSTSTART:
		state.status = "running";
		r = oci_hooks_run(&all->poststart, "poststart", hooks->spec, &state, err);
		break;
	case HOOKS_POSTSTOP:
		state.status = "stopped";
		state.pid = 0;
		run_poststop(hooks, &state);
		break;
	}
	return r;
}

static void worked(void *ctx, const struct err *err, struct job_output *output)
{
	struct hooks *hooks = ctx;
	hooks_done_fn *done = hooks->done;

	(void)output;
	hooks->job = NULL;
	hooks->done = NULL;
	/* It may free the hooks. */
	done(hooks->ctx, err);
}

int hooks_run(struct hooks *hooks, struct loop *loop, enum hooks_stage stage, pid_t pid,
	      hooks_done_fn *done, void *ctx, struct err *err)
{
	int r;

	if (hooks->job)
		return err_say(err, EBUSY, "hooks of container %s run already", hooks->id);
	hooks->stage = stage;
	hooks->pid = pid;
	r = job_start(loop, work, hooks, worked, hooks, &hooks->job, err);
	if (r < 0)
		return err_push(err, "cannot run the hooks of container %s", hooks->id);
	hooks->done = done;
	hooks->ctx = ctx;
	return 0;
}
