/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side of a container's init. With a new user namespace it takes two processes: the
 * first has the VM's root's powers and mounts what lies on disks; then it enters the user namespace
 * and forks the second, a child of the agent too, into all other namespaces, which that one then
 * owns. Without, one process does it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/mount.h>
#include <linux/sched.h>

#include "agent/container/channel.h"
#include "agent/container/child.h"
#include "agent/container/sysctl.h"
#include "agent/mount/detached.h"
#include "agent/mount/devices.h"
#include "agent/mount/masked.h"
#include "lib/fd.h"
#include "oci/hooks.h"

static const struct namespaces_plan *plan_of(const struct child *child)
{
	return &child->container->plan;
}

static bool makes(const struct child *child, enum oci_namespace_kind kind)
{
	return plan_of(child)->new_flags & namespaces_flag(kind);
}

static int detach_mounts(struct child *child, struct err *err)
{
	(void)child;
	if (mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_set(err, errno, "cannot make the mounts private");
	return 0;
}

static int mount_root(struct child *child, struct err *err)
{
	return rootfs_mount(&child->container->rootfs, child->container->engine->config.work_dir,
			    err);
}

static int prepare_mounts(struct child *child, struct err *err)
{
	const struct container *container = child->container;

	child->prepared = malloc((child->spec->n_mounts + 1) * sizeof(*child->prepared));
	if (!child->prepared)
		return err_set(err, ENOMEM, "no memory for it");
	for (size_t i = 0; i < child->spec->n_mounts; i++)
		child->prepared[i] = -1;
	return mount_prepare(child->spec, container->disks, container->n_disks,
			     container->engine->config.work_dir, child->prepared, err);
}

static int join_namespaces(struct child *child, struct err *err)
{
	return namespaces_join(plan_of(child), err);
}

static const struct child_step first_steps[] = {
	{ "leaving the agent", child_detach },
	{ "finding the seccomp listener", child_find_listener },
	{ "setting the OOM score", child_set_oom_score },
	{ "raising limits", child_make_room },
	{ "leaving the VM's mounts", detach_mounts },
	{ "mounting the root file system", mount_root },
	{ "preparing the mounts", prepare_mounts },
	{ "joining namespaces", join_namespaces },
};

/* The second process; the first ends. */
static int fork_second(struct child *child, struct err *err)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_PARENT | CLONE_PIDFD |
			 (plan_of(child)->new_flags &
			  ~(unsigned long)(CLONE_NEWUSER | CLONE_NEWCGROUP |
					   namespaces_flag(OCI_NAMESPACE_TIME))),
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
	};
	const struct channel_message forked = { .type = CHANNEL_FORKED };
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	int r;

	if (pid < 0)
		return err_set(err, errno, "cannot fork into the new namespaces");
	if (pid > 0) {
		r = fd_send(child->channel_fd, &forked, offsetof(struct channel_message, text) + 1,
			    &pidfd, 1);
		_exit(r < 0);
	}
	r = channel_wait(child->channel_fd, CHANNEL_GO);
	if (r < 0)
		return err_set(err, -r, "the agent is gone");
	if (child->listener_fd >= 0)
		child_note_outer_pid(child);
	return setsid() < 0 ? err_set(err, errno, "cannot make a session") : 0;
}

static int enter_user_namespace(struct child *child, struct err *err)
{
	int r;

	if (makes(child, OCI_NAMESPACE_USER)) {
		if (unshare(CLONE_NEWUSER) < 0)
			return err_set(err, errno, "cannot make it");
		r = channel_send(child->channel_fd, CHANNEL_MAP_USERS, 0);
		if (r == 0)
			r = channel_wait(child->channel_fd, CHANNEL_GO);
		if (r < 0)
			return err_set(err, -r, "its ids could not be mapped");
	}
	/* Everything from here on is made by the container's root, and belongs to it. */
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set(err, errno, "cannot become its root");
	return fork_second(child, err);
}

static const struct child_step user_steps[] = {
	{ "entering the user namespace", enter_user_namespace },
};

static int finish_namespaces(struct child *child, struct err *err)
{
	int r = 0;

	if (makes(child, OCI_NAMESPACE_CGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		return err_set(err, errno, "cannot make a cgroup namespace");
	if (makes(child, OCI_NAMESPACE_TIME))
		r = namespaces_new_time(&child->spec->linux_, err);
	if (r == 0 && makes(child, OCI_NAMESPACE_NETWORK))
		r = namespaces_loopback_up(err);
	return r;
}

static int set_names(struct child *child, struct err *err)
{
	const struct oci_spec *spec = child->spec;
	bool own = spec->linux_.namespaces[OCI_NAMESPACE_UTS].listed;
	bool wanted =
		(spec->hostname && *spec->hostname) || (spec->domainname && *spec->domainname);

	if (wanted && !own)
		return err_say(err, EINVAL, "a host name needs a uts namespace");
	if (spec->hostname && *spec->hostname &&
	    sethostname(spec->hostname, strlen(spec->hostname)) < 0)
		return err_set(err, errno, "cannot set \"%.64s\"", spec->hostname);
	if (spec->domainname && *spec->domainname &&
	    setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
		return err_set(err, errno, "cannot set domain \"%.64s\"", spec->domainname);
	return 0;
}

/*
 * Opens the container's root. In a user namespace the mounts that were copied into it are locked,
 * and a locked mount cannot become the root: a copy of it on top can.
 */
static int open_root(struct child *child, struct err *err)
{
	char path[256];
	_cleanup_fd_ int clone_fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "%.200s/" ROOTFS_NAME_ROOT,
		       child->container->engine->config.work_dir);
	if (child->new_user) {
		_cleanup_fd_ int below_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		clone_fd = detached_clone(path, true, err);
		if (clone_fd < 0)
			return clone_fd;
		r = detached_attach(clone_fd, below_fd);
		if (r < 0)
			return err_set(err, -r, "cannot bind the root on itself");
	}
	child->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return child->root_fd < 0 ? err_set(err, errno, "cannot open it") : 0;
}

static int make_mounts(struct child *child, struct err *err)
{
	const struct container *container = child->container;
	const struct engine_config *config = &container->engine->config;
	char cgroup_directory[512];
	const struct mount_env env = {
		.root_fd = child->root_fd,
		.own_cgroup_namespace = makes(child, OCI_NAMESPACE_CGROUP),
		.cgroup_directory = cgroup_directory,
		.shares_shm = config->in_guest,
		.prepared = child->prepared,
	};

	(void)snprintf(cgroup_directory, sizeof(cgroup_directory), "%s%s", config->cgroup_mount,
		       container->cgroup->path);
	for (size_t i = 0; i < child->spec->n_mounts; i++) {
		int r = mount_make(&env, child->spec, i, err);

		if (r < 0)
			return r;
		if (child->prepared[i] >= 0)
			close(TAKE_FD(child->prepared[i]));
	}
	return 0;
}

static int make_devices(struct child *child, struct err *err)
{
	return devices_make(child->root_fd, child->spec, child->new_user, err);
}

static int open_terminal(struct child *child, struct err *err)
{
	_cleanup_fd_ int slave_fd = -1;
	int r = child_open_terminal(child, &slave_fd, err);

	if (r == 0 && slave_fd >= 0)
		r = devices_make_console(child->root_fd, slave_fd, err);
	return r;
}

static int run_create_hooks(struct child *child, struct err *err)
{
	const struct oci_state state = child_state(child, "creating");

	return oci_hooks_run(&child->spec->hooks.create_container, "createContainer", child->spec,
			     &state, err);
}

static int set_sysctls(struct child *child, struct err *err)
{
	return sysctl_apply(child->spec, child->container->engine->config.in_guest, err);
}

static int cover_paths(struct child *child, struct err *err)
{
	int r = masked_make_read_only(child->root_fd, &child->spec->linux_.readonly_paths, err);

	return r < 0 ? r : masked_cover(child->root_fd, &child->spec->linux_.masked_paths, err);
}

static int refuse_unknown(struct child *child, struct err *err)
{
	const struct oci_linux *linux_ = &child->spec->linux_;

	if (linux_->has_intel_rdt)
		return err_say(err, ENOTSUP, "linux.intelRdt cannot be had in a VM");
	if (linux_->mount_label && *linux_->mount_label)
		return err_say(err, ENOTSUP,
			       "linux.mountLabel cannot be set: the guest has no SELinux");
	return 0;
}

/* The old root is stacked on the new one, at ".", and then detached from there. */
static int enter_root(struct child *child, struct err *err)
{
	_cleanup_fd_ int old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old_fd < 0 || fchdir(child->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set(err, errno, "cannot change the root");
	if (fchdir(old_fd) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(err, errno, "cannot leave the old root");
	close(TAKE_FD(child->root_fd));
	return 0;
}

/* A root that is read-only already may have it; entering it will tell. */
static int make_directory(struct child *child, struct err *err)
{
	int r = dir_make(child->process->cwd, 0755, err);

	return r == -EROFS ? 0 : r;
}

static int set_root_attributes(struct child *child, struct err *err)
{
	unsigned long propagation = mount_propagation_flags(child->spec->linux_.rootfs_propagation);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (propagation && mount(NULL, "/", NULL, propagation, NULL) < 0)
		return err_set(err, errno, "cannot set rootfsPropagation");
	if (child->spec->root_readonly && mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof(attr)) < 0)
		return err_set(err, errno, "cannot make the root read-only");
	return 0;
}

static const struct child_step second_steps[] = {
	{ "checking what is asked for", refuse_unknown },
	{ "making namespaces", finish_namespaces },
	{ "setting the host name", set_names },
	{ "opening the root file system", open_root },
	{ "mounting", make_mounts },
	{ "making devices", make_devices },
	{ "opening the terminal", open_terminal },
	{ "running hooks", run_create_hooks },
	{ "setting kernel parameters", set_sysctls },
	{ "masking paths", cover_paths },
	{ "entering the root file system", enter_root },
	{ "making the working directory", make_directory },
	{ "setting the root's attributes", set_root_attributes },
};

static void wait_for_start(struct child *child)
{
	const struct oci_state state = child_state(child, "created");
	struct err err = ERR_INIT;
	int r = channel_send(child->channel_fd, CHANNEL_READY, 0);

	if (r == 0)
		r = channel_wait(child->channel_fd, CHANNEL_START);
	/* Nobody is there to be told. */
	if (r < 0)
		_exit(1);
	r = oci_hooks_run(&child->spec->hooks.start_container, "startContainer", child->spec,
			  &state, &err);
	if (r < 0)
		child_fail(child, &err);
}

void init_child(void *ctx, int channel_fd, const int std_fds[3])
{
	const struct container *container = ctx;
	const struct namespaces_plan *plan = &container->plan;
	struct child child = { .container = container,
			       .spec = container->spec,
			       .process = container->spec->process,
			       .channel_fd = channel_fd,
			       .std_fds = { std_fds[0], std_fds[1], std_fds[2] },
			       .root_fd = -1,
			       .init_pidfd = -1,
			       .listener_fd = -1,
			       .new_user = (plan->new_flags | plan->joined_flags) & CLONE_NEWUSER };

	child_run(&child, first_steps, ARRAY_SIZE(first_steps));
	if (child.new_user)
		child_run(&child, user_steps, ARRAY_SIZE(user_steps));
	child_run(&child, second_steps, ARRAY_SIZE(second_steps));
	child_run(&child, child_launch_steps, child_n_launch_steps);
	wait_for_start(&child);
	child_execute(&child);
}
