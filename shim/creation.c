/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a container, step by step; each ends in the next one's call or in finish():
 *
 *	creation_start -> (turn) prepare -> (job) prepared -> boot, or plug -> create hooks ->
 *	make_container -> made
 *
 * From prepare on it has the turn, so that containers of a pod are made one after the other.
 *
 * Where it fails after the hooks, those of poststop run before finish() (runtime-spec 1.2,
 * "Lifecycle", 12 and 13).
 */
#include "shim/creation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent.pb-c.h"
#include "lib/log.h"
#include "oci/spec.h"
#include "proto/task-api.h"
#include "shim/create-request.h"
#include "shim/pod-settings.h"
#include "shim/rootfs/plan.h"
#include "shim/sandbox-api/service.h"
#include "shim/sandbox/guest.h"
#include "shim/sandbox/template.h"

struct creation {
	struct shim *shim;
	struct creation *next;
	struct container *container;
	creation_done_fn *done;
	void *ctx;
	KataLike__Task__CreateTaskRequest *request; /* our own copy */
	char *config;				    /* config.json, as it is */
	size_t config_len;
	struct settings *pod_settings; /* NULL when the VM was there already */
	struct plan *plan;
	struct turn *turn;
	bool cancellable; /* nothing but the turn or the job is awaited */
	bool awaits_boot; /* of a VM that comes without a container */
	bool in_hooks, hooks_ran;
	struct err failure; /* while the hooks of poststop run */
	struct prepared prepared;
	struct guest guest; /* of the VM that it makes, if it makes one */
	struct job *template_job;
};

static void creation_free(struct creation *creation)
{
	job_cancel(creation->template_job);
	turn_end(creation->turn);
	plan_free(creation->plan);
	free(creation->pod_settings);
	free(creation->config);
	if (creation->request)
		kata_like__task__create_task_request__free_unpacked(creation->request, NULL);
	free(creation);
}

/* The end of each creation, good (err empty) or not. */
static void end(struct creation *creation, const struct err *err)
{
	struct shim *shim = creation->shim;
	struct container *container = creation->container;
	creation_done_fn *done = creation->done;
	void *ctx = creation->ctx;

	for (struct creation **at = &shim->creations; *at; at = &(*at)->next) {
		if (*at == creation) {
			*at = creation->next;
			break;
		}
	}
	creation_free(creation);
	if (err->code == 0) {
		done(ctx, container, err);
		return;
	}
	if (container) {
		storage_release(shim->storage, container->id, NULL, NULL);
		shim_remove_container(shim, container);
	}
	done(ctx, NULL, err);
}

static void poststop_done(void *ctx, const struct err *err)
{
	struct creation *creation = ctx;
	struct err failure = creation->failure;

	(void)err;
	end(creation, &failure);
}

static void finish(struct creation *creation, const struct err *err)
{
	struct container *container = creation->container;
	struct err unheard = ERR_INIT;

	creation->in_hooks = false;
	if (err->code != 0 && creation->hooks_ran && !creation->shim->stopping &&
	    hooks_has(container->hooks, HOOKS_POSTSTOP)) {
		creation->failure = *err;
		creation->hooks_ran = false;
		creation->in_hooks = true;
		if (hooks_run(container->hooks, creation->shim->loop, HOOKS_POSTSTOP, 0,
			      poststop_done, creation, &unheard) == 0)
			return;
		log_warn("%s", err_text(&unheard));
	}
	end(creation, err);
}

static void container_made(void *ctx, const struct ttrpc_status *status,
			   const ProtobufCMessage *response)
{
	struct creation *creation = ctx;
	struct container *container = creation->container;
	struct err err = ERR_INIT;

	(void)response;
	if (status->code != TTRPC_OK) {
		(void)ttrpc_status_to_err(status, &err);
	} else if (container_watch(container->init) < 0) {
		(void)err_set(&err, ENOMEM, "cannot watch the container");
	} else {
		container->ready = true;
		log_debug("%s: made", container->id);
	}
	finish(creation, &err);
}

static int fail_ended(const struct shim *shim, struct err *err)
{
	return err_say(err, ECONNRESET, "the sandbox has ended%s%s",
		       *sandbox_failure(shim->sandbox) ? ": " : "", sandbox_failure(shim->sandbox));
}

static void make_container(struct creation *creation)
{
	struct shim *shim = creation->shim;
	struct container *container = creation->container;
	_cleanup_free_ struct create_request *request = NULL;
	struct err err = ERR_INIT;
	int r;

	container->agent = sandbox_agent(shim->sandbox);
	r = shim_open_stdio(shim, container->init, &err);
	if (r == 0)
		r = create_request_new(container, creation->plan, &creation->prepared,
				       creation->config, creation->config_len, &request, &err);
	if (r < 0) {
		finish(creation, &err);
		return;
	}
	agent_client_call(container->agent, "CreateContainer",
			  &kata_like__agent__v1__create_container_response__descriptor,
			  create_request_message(request),
			  agent_client_timeout_ms(container->agent), container_made, creation);
}

/* Whether its sandbox still serves. */
static int check_sandbox(const struct shim *shim, struct err *err)
{
	return !shim->stopping && sandbox_state(shim->sandbox) == SANDBOX_READY
		       ? 0
		       : fail_ended(shim, err);
}

static void create_hooks_done(void *ctx, const struct err *err)
{
	struct creation *creation = ctx;
	struct err failure = *err;

	creation->in_hooks = false;
	if (failure.code == 0 && check_sandbox(creation->shim, &failure) == 0)
		make_container(creation);
	else
		finish(creation, &failure);
}

/* The VM is there, with all that the container needs. */
static void vm_ready(struct creation *creation)
{
	struct shim *shim = creation->shim;
	struct hooks *hooks = creation->container->hooks;
	struct err err = ERR_INIT;

	log_debug("%s: the VM is there", creation->container->id);
	creation->hooks_ran = true;
	if (!hooks_has(hooks, HOOKS_CREATE)) {
		make_container(creation);
		return;
	}
	creation->in_hooks = true;
	if (hooks_run(hooks, shim->loop, HOOKS_CREATE, process_pid(creation->container->init),
		      create_hooks_done, creation, &err) < 0)
		finish(creation, &err);
}

static void vm_is_there(void *ctx, const struct err *err)
{
	struct creation *creation = ctx;
	struct err failure = *err;

	if (failure.code == 0)
		vm_ready(creation);
	else
		finish(creation, &failure);
}

static int make_guest(const struct shim *shim, const struct settings *settings,
		      struct guest *ret_guest, struct err *err)
{
	int r = guest_from_settings(settings, ret_guest, err);

	if (r < 0) {
		storage_boot_failed(shim->storage);
		return r;
	}
	ret_guest->network.netns_fd = shim->place.netns_fd;
	memcpy(ret_guest->network.netns_path, shim->place.netns_path,
	       sizeof(ret_guest->network.netns_path));
	template_choose(ret_guest);
	return 0;
}

/*
 * Boots the VM with what was prepared, for a creation or without one; booted and ctx as in
 * sandbox_boot().
 */
static int boot_vm(struct shim *shim, const struct settings *settings, const struct guest *guest,
		   sandbox_boot_fn *booted, void *ctx, struct err *err)
{
	struct sandbox_parts parts = { .fs_fd = -1 };
	int r = pod_settings_record(settings, &shim->state, err);

	if (r == 0)
		r = storage_boot(shim->storage, settings, &parts, err);
	if (r == 0)
		r = sandbox_boot(shim->sandbox, guest, &parts, booted, ctx, err);
	if (r < 0) {
		storage_boot_failed(shim->storage);
		return r;
	}
	return 0;
}

/* A VM without a container: the creation that has the turn may have come to wait for it. */
static void sandbox_booted(void *ctx, const struct err *err)
{
	struct shim *shim = ctx;
	struct err failure = *err;

	for (struct creation *c = shim->creations; c; c = c->next) {
		if (!c->awaits_boot)
			continue;
		c->awaits_boot = false;
		if (failure.code == 0)
			storage_plug(shim->storage, vm_is_there, c);
		else
			finish(c, &failure);
		break;
	}
	sandbox_api_booted(shim->api, &failure);
}

/* The start of a VM without a container, while its template is made. */
struct early_start {
	const struct settings *settings;
	struct guest guest;
	struct job *job;
};

/* Whether a job began that makes the template that the first VM of its kind leaves for all. */
static bool make_template(struct shim *shim, const struct guest *guest, job_done_fn *done,
			  void *ctx, struct job **ret_job)
{
	struct template_request request = { .guest = guest, .state = &shim->state };
	struct err unheard = ERR_INIT;

	return sandbox_lacks_template(shim->sandbox, guest) &&
	       job_start(shim->loop, template_make, &request, done, ctx, ret_job, &unheard) == 0;
}

/* Without a template the VM boots, unless it just did not. */
static bool may_boot(const struct err *template_err)
{
	if (template_err->code == -ETIMEDOUT || template_err->code == -ECONNRESET)
		return false;
	if (template_err->code != 0)
		log_warn("%s", template_err->text);
	return true;
}

static void early_template_made(void *ctx, const struct err *err, struct job_output *output)
{
	struct shim *shim = ctx;
	_cleanup_free_ struct early_start *start = TAKE_PTR(shim->early_start);
	struct err failure = *err;

	(void)output;
	if (may_boot(err)) {
		failure = ERR_INIT;
		if (boot_vm(shim, start->settings, &start->guest, sandbox_booted, shim, &failure) ==
		    0)
			return;
	}
	sandbox_booted(shim, &failure);
}

int creation_boot_sandbox(struct shim *shim, const struct settings *settings, struct err *err)
{
	_cleanup_free_ struct early_start *start = calloc(1, sizeof(*start));
	int r;

	if (!start)
		return err_set(err, ENOMEM, "cannot start the VM");
	start->settings = settings;
	r = make_guest(shim, settings, &start->guest, err);
	if (r < 0)
		return r;
	if (make_template(shim, &start->guest, early_template_made, shim, &start->job)) {
		shim->early_start = TAKE_PTR(start);
		return 0;
	}
	return boot_vm(shim, settings, &start->guest, sandbox_booted, shim, err);
}

void creation_cancel_boot(struct shim *shim)
{
	_cleanup_free_ struct early_start *start = TAKE_PTR(shim->early_start);
	struct err err = ERR_INIT;

	if (!start)
		return;
	job_cancel(start->job);
	(void)err_say(&err, ECANCELED, "the sandbox is being stopped");
	sandbox_booted(shim, &err);
}

static void boot(struct creation *creation)
{
	struct err err = ERR_INIT;

	if (boot_vm(creation->shim, creation->pod_settings, &creation->guest, vm_is_there, creation,
		    &err) < 0)
		finish(creation, &err);
}

static void template_made(void *ctx, const struct err *err, struct job_output *output)
{
	struct creation *creation = ctx;
	struct err failure = *err;

	(void)output;
	creation->template_job = NULL;
	creation->cancellable = false;
	if (may_boot(err))
		boot(creation);
	else
		finish(creation, &failure);
}

/* The pod's first container: it brings the VM. */
static void start_vm(struct creation *creation)
{
	struct shim *shim = creation->shim;
	struct err err = ERR_INIT;

	if (make_guest(shim, creation->pod_settings, &creation->guest, &err) < 0) {
		finish(creation, &err);
		return;
	}
	creation->cancellable = make_template(shim, &creation->guest, template_made, creation,
					      &creation->template_job);
	if (!creation->cancellable)
		boot(creation);
}

static void prepared(void *ctx, const struct err *failure)
{
	struct creation *creation = ctx;
	struct shim *shim = creation->shim;
	struct err err = *failure;

	creation->cancellable = false;
	if (err.code != 0) {
		finish(creation, &err);
		return;
	}
	log_debug("%s: its files are ready", creation->container->id);
	switch (sandbox_state(shim->sandbox)) {
	case SANDBOX_NOTHING:
		if (shim->early_start)
			creation->awaits_boot = true;
		else
			start_vm(creation);
		break;
	case SANDBOX_READY:
		storage_plug(shim->storage, vm_is_there, creation);
		break;
	case SANDBOX_BOOTING:
		creation->awaits_boot = true;
		break;
	case SANDBOX_STOPPING:
	case SANDBOX_GONE:
		(void)fail_ended(shim, &err);
		finish(creation, &err);
		break;
	}
}

static void prepare(void *ctx)
{
	struct creation *creation = ctx;
	const KataLike__Task__CreateTaskRequest *request = creation->request;
	struct err err = ERR_INIT;

	if (storage_prepare(creation->shim->storage, creation->container->id, creation->plan,
			    request->rootfs, request->n_rootfs, &creation->prepared, prepared,
			    creation, &err) < 0)
		finish(creation, &err);
}

static int check_request(struct shim *shim, const KataLike__Task__CreateTaskRequest *request,
			 struct err *err)
{
	int r = paths_check_id("container", request->id, err);

	if (r < 0)
		return r;
	if (shim->stopping || sandbox_state(shim->sandbox) >= SANDBOX_STOPPING)
		return fail_ended(shim, err);
	r = sandbox_api_check_member(shim->api, err);
	if (r < 0)
		return r;
	if (shim_find(shim, request->id, true))
		return err_say(err, EEXIST, "container %s exists already", request->id);
	if (*request->checkpoint || *request->parent_checkpoint)
		return err_say(err, EOPNOTSUPP, "cannot restore from a checkpoint");
	if (request->bundle[0] != '/')
		return err_say(err, EINVAL, "bundle \"%.200s\" is not an absolute path",
			       request->bundle);
	return 0;
}

/* What shapes the VM: a later container has nothing to say about it. */
static int configure_pod(struct creation *creation, const KataLike__Any *options,
			 const struct oci_spec *spec, struct err *err)
{
	if (sandbox_state(creation->shim->sandbox) != SANDBOX_NOTHING)
		return 0;
	creation->pod_settings = malloc(sizeof(*creation->pod_settings));
	if (!creation->pod_settings)
		return err_set(err, ENOMEM, "cannot configure the pod");
	return pod_settings_make(options, spec, creation->pod_settings, err);
}

static int read_config(struct creation *creation, struct hooks **ret_hooks, struct err *err)
{
	const KataLike__Task__CreateTaskRequest *request = creation->request;
	struct shim *shim = creation->shim;
	const struct plan_input input = {
		.bundle = request->bundle,
		.mounts = request->rootfs,
		.n_mounts = request->n_rootfs,
		.can_share = geteuid() == 0,
		.owns_root = state_is_containerds(&shim->state),
	};
	_cleanup_free_ char *path = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	int r;

	if (asprintf(&path, "%s/config.json", request->bundle) < 0) {
		path = NULL;
		return err_set(err, ENOMEM, "cannot read config.json");
	}
	r = file_read_regular(path, JSON_MAX_BYTES, &creation->config, &creation->config_len, err);
	if (r == 0)
		r = oci_spec_parse(creation->config, creation->config_len, &spec, err);
	if (r == 0)
		r = plan_make(spec, &input, &creation->plan, err);
	if (r == 0)
		r = place_take(&shim->place, spec, &shim->state, err);
	if (r == 0)
		r = configure_pod(creation, request->options, spec, err);
	if (r == 0)
		r = hooks_new(TAKE_PTR(spec), request->id, request->bundle, ret_hooks, err);
	return r;
}

static int copy_request(struct creation *creation, const KataLike__Task__CreateTaskRequest *request,
			struct err *err)
{
	size_t len = kata_like__task__create_task_request__get_packed_size(request);
	_cleanup_free_ uint8_t *packed = malloc(len + 1);

	if (packed) {
		kata_like__task__create_task_request__pack(request, packed);
		creation->request = kata_like__task__create_task_request__unpack(NULL, len, packed);
	}
	if (creation->request)
		return 0;
	(void)err_set(err, ENOMEM, "cannot make a container");
	return -ENOMEM;
}

static int begin(struct creation *creation, const KataLike__Task__CreateTaskRequest *request,
		 struct err *err)
{
	struct shim *shim = creation->shim;
	struct process_io io = { request->terminal, request->stdin, request->stdout,
				 request->stderr };
	struct hooks *hooks = NULL;
	int r = check_request(shim, request, err);

	if (r == 0)
		r = copy_request(creation, request, err);
	if (r == 0)
		r = read_config(creation, &hooks, err);
	if (r < 0)
		return r;
	creation->container =
		container_new(shim->loop, request->id, request->bundle, &io, shim_note_exit, shim);
	if (!creation->container) {
		hooks_free(hooks);
		return err_set(err, ENOMEM, "cannot make a container");
	}
	creation->container->hooks = hooks;
	creation->container->namespace = shim->state.namespace;
	shim_add_container(shim, creation->container);
	r = shim_hold_process(shim, creation->container->init, err);
	if (r < 0)
		return r;
	creation->turn = storage_take_turn(shim->storage, prepare, creation);
	if (!creation->turn)
		return err_set(err, ENOMEM, "cannot make a container");
	creation->cancellable = true;
	return 0;
}

void creation_start(struct shim *shim, const KataLike__Task__CreateTaskRequest *request,
		    creation_done_fn *done, void *ctx)
{
	struct creation *creation = calloc(1, sizeof(*creation));
	struct err err = ERR_INIT;

	if (!creation) {
		(void)err_set(&err, ENOMEM, "cannot make a container");
		done(ctx, NULL, &err);
		return;
	}
	creation->shim = shim;
	creation->done = done;
	creation->ctx = ctx;
	creation->next = shim->creations;
	shim->creations = creation;
	if (begin(creation, request, &err) < 0)
		finish(creation, &err);
}

void creation_cancel_all(struct shim *shim)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, ECANCELED, "the sandbox is shutting down");
	creation_cancel_boot(shim);
	storage_cancel(shim->storage);
	for (struct creation *c = shim->creations, *next; c; c = next) {
		next = c->next;
		if (c->in_hooks)
			hooks_cancel(c->container->hooks);
		if (c->cancellable || c->in_hooks)
			finish(c, &err);
	}
}
