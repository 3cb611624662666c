/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of a container, step by step; each ends in the next one's call or in finish():
 *
 *	creation_start -> (job) disks_opened -> boot, or wait for the boot -> create hooks ->
 *	make_container -> made
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
#include "shim/job.h"
#include "shim/pod-settings.h"
#include "shim/rootfs/plan.h"
#include "shim/rootfs/snapshot.h"
#include "shim/sandbox-api/service.h"
#include "shim/sandbox/guest.h"

#define CREATE_TIMEOUT_MS 60000

struct creation {
	struct shim *shim;
	struct creation *next;
	struct container *container;
	creation_done_fn *done;
	void *ctx;
	char *config; /* config.json, as it is */
	size_t config_len;
	struct settings *pod_settings; /* NULL when the VM was there already */
	struct plan *plan;
	struct job *job; /* opens the disks */
	struct disk
		disks[PLAN_ITEMS_MAX]; /* of the plan's items; descriptors while they are open */
	bool awaits_boot;
	bool in_hooks, hooks_ran;
	struct err failure; /* while the hooks of poststop run */
};

static void close_disks(struct creation *creation)
{
	for (size_t i = 0; i < PLAN_ITEMS_MAX; i++) {
		if (creation->disks[i].fd >= 0)
			close(creation->disks[i].fd);
		creation->disks[i].fd = -1;
	}
}

static void creation_free(struct creation *creation)
{
	job_cancel(creation->job);
	close_disks(creation);
	plan_free(creation->plan);
	free(creation->pod_settings);
	free(creation->config);
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
	if (container)
		shim_remove_container(shim, container);
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
	} else if (container_watch(container, container->init) < 0) {
		(void)err_set(&err, ENOMEM, "cannot watch the container");
	} else {
		container->ready = true;
		log_debug("%s: made", container->id);
	}
	finish(creation, &err);
}

/* How the guest mounts a disk. The strings are constants. */
static void describe_disk(const struct disk *disk, bool readonly, KataLike__Agent__V1__Disk *ret,
			  char **options)
{
	kata_like__agent__v1__disk__init(ret);
	ret->serial = (char *)disk->serial;
	ret->filesystem = (char *)disk->filesystem;
	ret->options = options;
	if (readonly)
		options[ret->n_options++] = (char *)"ro";
	/* A journal cannot be replayed onto a disk that is read-only. */
	if (readonly && strcmp(disk->filesystem, "ext4") == 0)
		options[ret->n_options++] = (char *)"noload";
}

/* The request's parts, which point into the creation and at each other. */
struct make_request {
	KataLike__Agent__V1__CreateContainerRequest request;
	KataLike__Agent__V1__Rootfs rootfs;
	KataLike__Agent__V1__Stdio stdio;
	KataLike__Agent__V1__Disk disks[PLAN_ITEMS_MAX];
	KataLike__Agent__V1__DiskMount mounts[PLAN_ITEMS_MAX], *mount_list[PLAN_ITEMS_MAX];
	char *options[PLAN_ITEMS_MAX][2];
};

static void fill_request(struct creation *creation, struct make_request *make)
{
	const struct plan *plan = creation->plan;

	kata_like__agent__v1__create_container_request__init(&make->request);
	kata_like__agent__v1__rootfs__init(&make->rootfs);
	kata_like__agent__v1__stdio__init(&make->stdio);
	make->request.container_id = creation->container->id;
	make->request.config_json =
		(ProtobufCBinaryData){ creation->config_len, (uint8_t *)creation->config };
	make->request.rootfs = &make->rootfs;
	make->request.stdio = &make->stdio;
	make->request.disk_mounts = make->mount_list;
	process_describe_stdio(creation->container->init, &make->stdio);
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct plan_item *item = &plan->items[i];
		KataLike__Agent__V1__DiskMount *mount = &make->mounts[i];

		describe_disk(&creation->disks[i], item->readonly, &make->disks[i],
			      make->options[i]);
		if (!item->destination) {
			make->rootfs.lower = &make->disks[i];
			continue;
		}
		kata_like__agent__v1__disk_mount__init(mount);
		mount->destination = item->destination;
		mount->disk = &make->disks[i];
		if (item->subpath)
			mount->subpath = item->subpath;
		make->mount_list[make->request.n_disk_mounts++] = mount;
	}
}

/* Whether it still serves. */
static bool check_sandbox(const struct creation *creation, struct err *err)
{
	const struct sandbox *sandbox = creation->shim->sandbox;

	if (!creation->shim->stopping && sandbox_state(sandbox) == SANDBOX_READY)
		return true;
	(void)err_say(err, ECONNRESET, "the sandbox has ended%s%s",
		      *sandbox_failure(sandbox) ? ": " : "", sandbox_failure(sandbox));
	return false;
}

static int check_disks_attached(const struct creation *creation, struct err *err)
{
	const struct plan *plan = creation->plan;

	for (size_t i = 0; i < plan->n_items; i++)
		if (!sandbox_has_disk(creation->shim->sandbox, creation->disks[i].serial))
			return err_say(
				err, EBUSY,
				"%s is not among the disks of the pod's VM, and disks cannot "
				"be added to a VM that runs",
				plan->items[i].path);
	return 0;
}

static void make_container(struct creation *creation)
{
	struct shim *shim = creation->shim;
	_cleanup_free_ struct make_request *make = calloc(1, sizeof(*make));
	struct err err = ERR_INIT;
	int r;

	creation->container->agent = sandbox_agent(shim->sandbox);
	if (!make) {
		(void)err_set(&err, ENOMEM, "cannot make the container");
		finish(creation, &err);
		return;
	}
	r = check_disks_attached(creation, &err);
	if (r == 0)
		r = process_open_stdio(creation->container->init, shim->loop,
				       sandbox_link(shim->sandbox),
				       sandbox_next_port(shim->sandbox), &err);
	if (r < 0) {
		finish(creation, &err);
		return;
	}
	fill_request(creation, make);
	agent_client_call(creation->container->agent, "CreateContainer",
			  &kata_like__agent__v1__create_container_response__descriptor,
			  &make->request.base, CREATE_TIMEOUT_MS, container_made, creation);
}

static void create_hooks_done(void *ctx, const struct err *err)
{
	struct creation *creation = ctx;

	creation->in_hooks = false;
	if (err->code != 0)
		finish(creation, err);
	else if (!check_sandbox(creation, &creation->failure))
		finish(creation, &creation->failure);
	else
		make_container(creation);
}

/* The VM is there. */
static void vm_ready(struct creation *creation)
{
	struct shim *shim = creation->shim;
	struct hooks *hooks = creation->container->hooks;
	struct err err = ERR_INIT;

	log_debug("%s: the VM is there", creation->container->id);
	close_disks(creation);
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

/* Whoever began the boot is among those that wait. A creation that ends may begin or end others. */
static void booted(void *ctx, const struct err *err)
{
	struct shim *shim = ctx;
	struct err failure = *err;
	bool found;

	do {
		found = false;
		for (struct creation *c = shim->creations; c; c = c->next) {
			if (!c->awaits_boot)
				continue;
			c->awaits_boot = false;
			found = true;
			if (failure.code == 0)
				vm_ready(c);
			else
				finish(c, &failure);
			break;
		}
	} while (found);
	sandbox_api_booted(shim->api, &failure);
}

static int boot_vm(struct shim *shim, const struct settings *settings, const struct disk *disks,
		   size_t n_disks, struct err *err)
{
	struct err unplaced = ERR_INIT;
	struct guest guest;
	int r = guest_from_settings(settings, &guest, err);

	if (r == 0)
		r = pod_settings_record(settings, &shim->state, err);
	if (r < 0) {
		for (size_t i = 0; i < n_disks; i++)
			close(disks[i].fd);
		return r;
	}
	r = sandbox_boot(shim->sandbox, &guest, disks, n_disks, booted, shim, err);
	/* What it allocates from here on, all of the guest's memory, is charged to the pod. */
	if (r == 0 && place_add(&shim->place, sandbox_pid(shim->sandbox), &unplaced) < 0)
		log_warn("%s", err_text(&unplaced));
	return r;
}

int creation_boot_sandbox(struct shim *shim, const struct settings *settings, struct err *err)
{
	return boot_vm(shim, settings, NULL, 0, err);
}

/* Takes the disks over to a new VM, each once though several mounts may share it. */
static int boot(struct creation *creation, struct err *err)
{
	struct disk unique[PLAN_ITEMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < creation->plan->n_items; i++) {
		struct disk *disk = &creation->disks[i];
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || strcmp(unique[k].serial, disk->serial) == 0;
		if (known)
			continue;
		unique[n++] = *disk;
		disk->fd = -1;
	}
	creation->awaits_boot = true;
	return boot_vm(creation->shim, creation->pod_settings, unique, n, err);
}

static void disks_opened(void *ctx, const struct err *failure, struct job_output *output)
{
	struct creation *creation = ctx;
	struct err err = ERR_INIT;

	creation->job = NULL;
	if (!output) {
		finish(creation, failure);
		return;
	}
	log_debug("%s: disks are open", creation->container->id);
	memcpy(creation->disks, output->record, output->record_len);
	for (size_t i = 0; i < output->n_fds; i++)
		creation->disks[i].fd = output->fds[i];
	switch (sandbox_state(creation->shim->sandbox)) {
	case SANDBOX_NOTHING:
		if (boot(creation, &err) < 0)
			finish(creation, &err);
		break;
	case SANDBOX_BOOTING:
		close_disks(creation);
		creation->awaits_boot = true;
		break;
	case SANDBOX_READY:
		vm_ready(creation);
		break;
	case SANDBOX_STOPPING:
	case SANDBOX_GONE:
		(void)err_say(&err, ECONNRESET, "the sandbox has ended%s%s",
			      *sandbox_failure(creation->shim->sandbox) ? ": " : "",
			      sandbox_failure(creation->shim->sandbox));
		finish(creation, &err);
		break;
	}
}

/* What the job works with, in its copy of our memory. */
struct disks_input {
	const struct plan *plan;
	const KataLike__Task__CreateTaskRequest *request;
};

/* In the job's process. */
static int open_disks(const void *input, struct job_output *output, struct err *err)
{
	const struct disks_input *in = input;
	const struct plan *plan = in->plan;
	struct disk disks[PLAN_ITEMS_MAX];

	if (in->request->n_rootfs > 0) {
		int r = snapshot_mount(in->request->rootfs, in->request->n_rootfs,
				       plan->items[0].path, err);

		if (r < 0)
			return err_push(err, "root filesystem");
	}
	_Static_assert(sizeof(disks) <= JOB_RECORD_MAX, "the record holds every disk");
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct plan_item *item = &plan->items[i];
		int r = disk_open(&item->request, &disks[i], err);

		if (r < 0)
			return item->destination ? err_push(err, "mount %s", item->destination)
						 : err_push(err, "root filesystem");
		output->fds[output->n_fds++] = disks[i].fd;
	}
	output->record_len = plan->n_items * sizeof(disks[0]);
	memcpy(output->record, disks, output->record_len);
	return 0;
}

static int check_request(struct shim *shim, const KataLike__Task__CreateTaskRequest *request,
			 struct err *err)
{
	int r = paths_check_id("container", request->id, err);

	if (r < 0)
		return r;
	if (shim->stopping || sandbox_state(shim->sandbox) >= SANDBOX_STOPPING)
		return err_say(err, ECONNRESET, "the sandbox has ended%s%s",
			       *sandbox_failure(shim->sandbox) ? ": " : "",
			       sandbox_failure(shim->sandbox));
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

static int read_config(struct creation *creation, const KataLike__Task__CreateTaskRequest *request,
		       struct hooks **ret_hooks, struct err *err)
{
	const char *bundle = request->bundle;
	_cleanup_free_ char *path = NULL;
	_cleanup_oci_spec_ struct oci_spec *spec = NULL;
	int r;

	if (asprintf(&path, "%s/config.json", bundle) < 0) {
		path = NULL;
		return err_set(err, ENOMEM, "cannot read config.json");
	}
	r = file_read(AT_FDCWD, path, JSON_MAX_BYTES, &creation->config, &creation->config_len,
		      err);
	if (r == 0)
		r = oci_spec_parse(creation->config, creation->config_len, &spec, err);
	if (r == 0)
		r = plan_make(spec, bundle, &creation->plan, err);
	if (r == 0)
		r = place_take(&creation->shim->place, spec, &creation->shim->state, err);
	if (r == 0)
		r = configure_pod(creation, request->options, spec, err);
	if (r == 0)
		r = hooks_new(TAKE_PTR(spec), request->id, bundle, ret_hooks, err);
	return r;
}

static int begin(struct creation *creation, const KataLike__Task__CreateTaskRequest *request,
		 struct err *err)
{
	struct shim *shim = creation->shim;
	struct process_io io = { request->terminal, request->stdin, request->stdout,
				 request->stderr };
	struct disks_input input;
	struct hooks *hooks = NULL;
	int r = check_request(shim, request, err);

	if (r == 0)
		r = read_config(creation, request, &hooks, err);
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
	input = (struct disks_input){ creation->plan, request };
	return job_start(shim->loop, open_disks, &input, disks_opened, creation, &creation->job,
			 err);
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
	for (size_t i = 0; i < PLAN_ITEMS_MAX; i++)
		creation->disks[i].fd = -1;
	creation->next = shim->creations;
	shim->creations = creation;
	if (begin(creation, request, &err) < 0)
		finish(creation, &err);
}

void creation_cancel_all(struct shim *shim)
{
	struct err err = ERR_INIT;

	(void)err_say(&err, ECANCELED, "the sandbox is shutting down");
	for (struct creation *c = shim->creations, *next; c; c = next) {
		next = c->next;
		if (c->in_hooks)
			hooks_cancel(c->container->hooks);
		if (c->job || c->in_hooks)
			finish(c, &err);
	}
}
