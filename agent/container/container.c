/* SPDX-License-Identifier: Apache-2.0 */
/* A container, from create to delete. */
#include "agent/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/container/child.h"
#include "agent/container/devices-bpf.h"
#include "agent/container/oom.h"
#include "agent/container/user.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "oci/idmap.h"

/* A killed process leaves its cgroup a moment after it was reaped. */
#define RETRY_INTERVAL_MS 5
#define RETRIES_MAX	  2000
#define ID_MAX		  128

static void container_free(struct container *container)
{
	if (!container)
		return;
	loop_source_free(container->timer);
	oom_watch_free(container->oom);
	process_free(container->init);
	while (container->execs) {
		struct process *exec = container->execs;

		container->execs = exec->next;
		process_free(exec);
	}
	cgroup_free(container->cgroup);
	namespaces_plan_fini(&container->plan);
	oci_spec_free(container->spec);
	free(container->id);
	free(container);
}

static void unlink_container(struct container *container)
{
	for (struct container **at = &container->engine->containers; *at; at = &(*at)->next) {
		if (*at == container) {
			*at = container->next;
			return;
		}
	}
}

/* An id becomes a directory of the cgroup tree. */
static int check_id(const char *id, struct err *err)
{
	size_t len = strlen(id);

	if (len == 0 || len > ID_MAX || strchr(id, '/') || id[0] == '.')
		return err_say(err, EINVAL, "\"%.140s\" is no container id", id);
	return 0;
}

static int check_spec(const struct oci_spec *spec, struct err *err)
{
	const struct oci_linux *linux_ = &spec->linux_;
	bool new_user = linux_->namespaces[OCI_NAMESPACE_USER].listed &&
			!linux_->namespaces[OCI_NAMESPACE_USER].path;

	if (!spec->process)
		return err_say(err, EINVAL, "config.json: process is missing");
	if (new_user && (linux_->n_uid_mappings == 0 || linux_->n_gid_mappings == 0))
		return err_say(err, EINVAL,
			       "config.json: a user namespace needs linux.uidMappings and "
			       "linux.gidMappings");
	if (!linux_->namespaces[OCI_NAMESPACE_USER].listed &&
	    (linux_->n_uid_mappings > 0 || linux_->n_gid_mappings > 0))
		return err_say(err, EINVAL,
			       "config.json: linux.uidMappings and linux.gidMappings need a user "
			       "namespace");
	if ((linux_->monotonic.set || linux_->boottime.set) &&
	    !linux_->namespaces[OCI_NAMESPACE_TIME].listed)
		return err_say(err, EINVAL, "config.json: linux.timeOffsets need a time namespace");
	return 0;
}

static void on_oom(void *ctx, uint64_t kills)
{
	struct container *container = ctx;
	struct engine *engine = container->engine;

	if (engine->on_oom)
		engine->on_oom(engine->on_oom_ctx, container->id, kills);
}

static const struct oci_resources *resources_of(const struct container *container)
{
	static const struct oci_resources none;

	return container->spec->linux_.resources ? container->spec->linux_.resources : &none;
}

static bool sees_own_cgroup_writable(const struct oci_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct oci_mount *mount = &spec->mounts[i];
		bool writable = mount->type && (strcmp(mount->type, "cgroup") == 0 ||
						strcmp(mount->type, "cgroup2") == 0);

		for (size_t k = 0; writable && k < mount->options.n; k++)
			writable = strcmp(mount->options.list[k], "ro") != 0;
		if (writable)
			return true;
	}
	return false;
}

/*
 * A container with a user and a cgroup namespace of its own, in which it sees its cgroup writable,
 * may divide it. In the VM's user namespace root may do so anyway.
 */
static int delegate(const struct container *container, struct err *err)
{
	const struct oci_linux *linux_ = &container->spec->linux_;
	unsigned long both = CLONE_NEWUSER | CLONE_NEWCGROUP;
	uint32_t uid, gid;

	if ((container->plan.new_flags & both) != both ||
	    !sees_own_cgroup_writable(container->spec) ||
	    user_map_id(linux_->uid_mappings, linux_->n_uid_mappings, 0, &uid) < 0 ||
	    user_map_id(linux_->gid_mappings, linux_->n_gid_mappings, 0, &gid) < 0)
		return 0;
	return cgroup_delegate(container->cgroup, uid, gid, err);
}

static int make_cgroup(struct container *container, struct err *err)
{
	struct engine *engine = container->engine;
	int r = cgroup_new(engine->cgroup_base_fd, engine->config.cgroup_base, container->id,
			   &container->cgroup, err);

	if (r == 0)
		r = cgroup_apply(container->cgroup, resources_of(container), err);
	if (r == 0)
		r = delegate(container, err);
	if (r == 0)
		r = oom_watch_new(engine->loop, container->cgroup, on_oom, container,
				  &container->oom, err);
	return r < 0 ? err_push(err, "setting up the cgroup") : 0;
}

/* The owner of the standard streams, as the VM knows it. */
static int stream_owner(const struct oci_spec *spec, const struct oci_user *user, uint32_t *ret_uid,
			uint32_t *ret_gid, struct err *err)
{
	const struct oci_linux *linux_ = &spec->linux_;

	if (user_map_id(linux_->uid_mappings, linux_->n_uid_mappings, user->uid, ret_uid) < 0 ||
	    user_map_id(linux_->gid_mappings, linux_->n_gid_mappings, user->gid, ret_gid) < 0)
		return err_say(err, EINVAL, "user %u:%u is not mapped in the user namespace",
			       user->uid, user->gid);
	return 0;
}

void container_report(struct container *container, const struct err *err)
{
	engine_done_fn *done = container->done;

	container->done = NULL;
	if (done)
		done(container->done_ctx, err, container->init ? container->init->pid : 0);
}

/* Removing the cgroup is the last thing; then done is told, of the failure if there was one. */
static void try_removal(void *ctx)
{
	struct container *container = ctx;
	int r = cgroup_remove(container->cgroup);

	if (r == -EBUSY && container->tries++ < RETRIES_MAX) {
		if (cgroup_kill(container->cgroup) < 0)
			log_warn("container %s: cannot kill what is left in its cgroup",
				 container->id);
		loop_timer_arm(container->timer, RETRY_INTERVAL_MS);
		return;
	}
	if (r < 0)
		log_error("container %s: cannot remove its cgroup: %s", container->id,
			  strerror(-r));
	unlink_container(container);
	container_report(container, container->failure.code ? &container->failure : NULL);
	container_free(container);
}

static int begin_removal(struct container *container)
{
	int r;

	loop_source_free(TAKE_PTR(container->timer));
	container->tries = 0;
	r = loop_add_timer(container->engine->loop, try_removal, container, &container->timer);
	if (r == 0)
		loop_timer_arm(container->timer, 0);
	return r;
}

/*
 * What is left to do once the init has set itself up. The device rules come only now: they hold for
 * the set-up too, which opens disks that the container must not.
 */
static int complete(struct container *container, pid_t pid, struct err *err)
{
	const struct oci_resources *resources = container->spec->linux_.resources;
	int r = devices_bpf_attach(container->cgroup->fd, resources ? resources->devices : NULL,
				   resources ? resources->n_devices : 0, err);

	return r < 0 ? r : namespaces_keep(&container->engine->pod, &container->plan, pid, err);
}

/* Told by the init's set-up: it waits for the start, or failed and has been reaped. */
static void on_created(void *ctx, const struct err *err, pid_t pid)
{
	struct container *container = ctx;
	struct process *init = container->init;

	if (!err && complete(container, pid, &init->failure) < 0) {
		/* We are told again when it is gone. */
		init->done = on_created;
		init->done_ctx = container;
		(void)kill(pid, SIGKILL);
		return;
	}
	if (!err) {
		container->state = CONTAINER_CREATED;
		container_report(container, NULL);
		return;
	}
	container->failure = *err;
	container->state = CONTAINER_STOPPED;
	if (begin_removal(container) < 0)
		log_error("container %s: cannot remove it: no memory", container->id);
}

static int launch_init(struct container *container, struct err *err)
{
	unsigned long flags = container->plan.new_flags;
	/* Those can only be made by a process that is in the cgroup, or has to set something up. */
	unsigned long later = CLONE_NEWUSER | CLONE_NEWCGROUP | namespaces_flag(OCI_NAMESPACE_TIME);
	struct process_launch launch = {
		.pid_namespace_fd = container->plan.join_fds[OCI_NAMESPACE_PID],
		.cgroup_fd = container->cgroup->fd,
		.child = init_child,
		.ctx = container,
	};

	if ((flags | container->plan.joined_flags) & CLONE_NEWUSER)
		launch.clone_flags = CLONE_NEWNS;
	else
		launch.clone_flags = flags & ~later;
	return process_launch(container->init, &launch, on_created, container, err);
}

static int set_up(struct container *container, struct container_params *params, struct err *err)
{
	uint32_t uid = 0, gid = 0;
	int r = check_spec(container->spec, err);

	if (r == 0)
		r = stream_owner(container->spec, &container->spec->process->user, &uid, &gid, err);
	if (r < 0)
		return r;
	r = namespaces_plan(&container->engine->pod, container->spec, &container->plan, err);
	if (r < 0)
		return err_push(err, "joining namespaces");
	params->outside.terminal = container->spec->process->terminal;
	r = process_new(container, "", &params->outside, uid, gid, &container->init, err);
	if (r == 0)
		r = make_cgroup(container, err);
	return r < 0 ? r : launch_init(container, err);
}

/* Takes over the spec, also where there is no memory. */
static struct container *container_new(struct engine *engine, struct container_params *params)
{
	struct container *container = calloc(1, sizeof(*container));
	struct oci_spec *spec = TAKE_PTR(params->spec);

	if (container)
		container->id = strdup(params->id);
	if (!container || !container->id) {
		free(container);
		oci_spec_free(spec);
		return NULL;
	}
	for (int kind = 0; kind < OCI_NAMESPACE_N; kind++)
		container->plan.join_fds[kind] = -1;
	container->engine = engine;
	container->spec = spec;
	container->rootfs = params->rootfs;
	container->disks = params->disks;
	container->n_disks = params->n_disks;
	return container;
}

int container_create(struct engine *engine, struct container_params *params, engine_done_fn *done,
		     void *ctx, struct err *err)
{
	struct container *container = container_new(engine, params);
	int r;

	if (!container) {
		stdio_outside_close(&params->outside);
		return err_set(err, ENOMEM, "cannot make a container");
	}
	r = check_id(container->id, err);
	if (r == 0 && engine_find(engine, container->id))
		r = err_say(err, EEXIST, "container %s exists already", container->id);
	if (r == 0)
		r = set_up(container, params, err);
	if (r < 0) {
		stdio_outside_close(&params->outside);
		if (container->cgroup && cgroup_remove(container->cgroup) < 0)
			log_error("container %s: its cgroup is left behind", container->id);
		container_free(container);
		return r;
	}
	container->done = done;
	container->done_ctx = ctx;
	container->next = engine->containers;
	engine->containers = container;
	return 0;
}

int container_start(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
{
	if (container->state != CONTAINER_CREATED)
		return err_say(err, EBUSY, "container %s is not in the state created",
			       container->id);
	return process_start(container->init, done, ctx, err);
}

int container_delete(struct container *container, engine_done_fn *done, void *ctx, struct err *err)
{
	int r;

	if (container->state != CONTAINER_STOPPED || container->done)
		return err_say(err, EBUSY, "container %s has not stopped", container->id);
	for (const struct process *exec = container->execs; exec; exec = exec->next) {
		if (exec->state != PROCESS_ENDED)
			return err_say(err, EBUSY, "container %s still has processes",
				       container->id);
	}
	r = begin_removal(container);
	if (r < 0)
		return err_set(err, -r, "cannot remove container %s", container->id);
	container->failure = ERR_INIT;
	container->done = done;
	container->done_ctx = ctx;
	return 0;
}

int container_kill(struct container *container)
{
	int r = 0;

	if (container->init && container->init->state < PROCESS_RUNNING)
		r = process_signal(container->init, SIGKILL);
	return r < 0 ? r : cgroup_kill(container->cgroup);
}

int container_signal_all(struct container *container, int signal_number)
{
	if (container->state == CONTAINER_STOPPED)
		return -ESRCH;
	if (container->init->state < PROCESS_RUNNING)
		return process_signal(container->init, signal_number);
	if (signal_number == SIGKILL)
		return cgroup_kill(container->cgroup);
	return cgroup_signal(container->cgroup, signal_number);
}

int container_map_users(const struct container *container, pid_t pid)
{
	struct userns_map map;
	int r = oci_userns_map(&container->spec->linux_, &map);

	if (r < 0)
		return r;
	r = userns_write(pid, &map);
	userns_map_fini(&map);
	return r;
}

void container_process_runs(struct container *container, const struct process *process)
{
	if (process == container->init)
		container->state = CONTAINER_RUNNING;
}

void container_process_ended(struct container *container, struct process *process)
{
	process->exit.oom_kills = oom_watch_check(container->oom);
	if (process != container->init || container->state == CONTAINER_CREATING)
		return;
	/* With a pid namespace of its own the kernel has done that already. */
	if (cgroup_kill(container->cgroup) < 0)
		log_warn("container %s: cannot kill what its init left", container->id);
	/* A frozen process cannot die. */
	if (container->state == CONTAINER_PAUSED &&
	    cgroup_freeze(container->cgroup, false, NULL) < 0)
		log_warn("container %s: cannot thaw it", container->id);
	container->state = CONTAINER_STOPPED;
}

bool container_may_finish(const struct container *container, const struct process *process)
{
	if (process != container->init)
		return true;
	for (const struct process *exec = container->execs; exec; exec = exec->next) {
		if (!exec->finished)
			return false;
	}
	return true;
}

void container_process_finished(struct container *container, struct process *process)
{
	if (process == container->init || !container->init)
		return;
	/* An exec whose program never ran was told to nobody but its caller. */
	if (process->failure.code)
		container_forget_exec(container, process);
	process_check_finished(container->init);
}
