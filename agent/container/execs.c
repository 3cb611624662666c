/* SPDX-License-Identifier: Apache-2.0 */
/* The execs of a container: adding, finding and forgetting them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "agent/container/child.h"
#include "agent/container/user.h"
#include "lib/fd.h"

struct process *container_find_process(const struct container *container, const char *exec_id)
{
	if (!*exec_id)
		return container->init;
	for (struct process *exec = container->execs; exec; exec = exec->next) {
		if (strcmp(exec->exec_id, exec_id) == 0)
			return exec;
	}
	return NULL;
}

void container_forget_exec(struct container *container, struct process *process)
{
	for (struct process **at = &container->execs; *at; at = &(*at)->next) {
		if (*at == process) {
			*at = process->next;
			break;
		}
	}
	process_free(process);
}

int container_remove_exec(struct container *container, struct process *process)
{
	if (!process->finished)
		return -EBUSY;
	container_forget_exec(container, process);
	return 0;
}

/*
 * The init's own cgroup: what an exec goes to where the container's root has handed its controllers
 * down to children, as systemd does, and takes no processes itself any more.
 */
static int open_init_cgroup(const struct container *container)
{
	char path[64], cgroup_path[512];
	_cleanup_free_ char *text = NULL;
	const char *line;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", container->init->pid);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return -ESRCH;
	line = strstr(text, "0::/");
	if (!line)
		return -ENOENT;
	line += 3;
	text[(size_t)(line - text) + strcspn(line, "\n")] = '\0';
	/* Moved out of what this namespace shows: not by us. */
	if (strncmp(line, "/..", 3) == 0)
		return -ENOENT;
	(void)snprintf(cgroup_path, sizeof(cgroup_path), "%.64s%.400s",
		       container->engine->config.cgroup_mount, line);
	fd = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int launch_exec(struct container *container, struct process *exec,
		       const struct oci_process *process, engine_done_fn *done, void *ctx,
		       struct err *err)
{
	_cleanup_fd_ int init_pidfd = (int)syscall(SYS_pidfd_open, container->init->pid, 0);
	_cleanup_fd_ int pid_namespace_fd = -1, init_cgroup_fd = -1;
	struct exec_params params = { .container = container,
				      .process = process,
				      .init_pidfd = init_pidfd };
	struct process_launch launch = { .cgroup_fd = container->cgroup->fd,
					 .pid_namespace_fd = -1,
					 .child = exec_child,
					 .ctx = &params };
	char path[64];
	int r;

	if (init_pidfd < 0)
		return err_set(err, errno, "cannot find the container's init");
	if ((container->plan.new_flags | container->plan.joined_flags) &
	    namespaces_flag(OCI_NAMESPACE_PID)) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", container->init->pid);
		pid_namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (pid_namespace_fd < 0)
			return err_set(err, errno, "cannot open the container's pid namespace");
		launch.pid_namespace_fd = pid_namespace_fd;
	}
	r = process_launch(exec, &launch, done, ctx, err);
	if (r != -EBUSY)
		return r;
	init_cgroup_fd = open_init_cgroup(container);
	if (init_cgroup_fd < 0)
		return r;
	launch.cgroup_fd = init_cgroup_fd;
	return process_launch(exec, &launch, done, ctx, err);
}

static int check_exec(const struct container *container, const char *exec_id, struct err *err)
{
	if (!*exec_id)
		return err_say(err, EINVAL, "an exec needs an id");
	if (container->state != CONTAINER_RUNNING)
		return err_say(err, EBUSY, "container %s is %s", container->id,
			       container->state == CONTAINER_PAUSED ? "paused" : "not running");
	if (container_find_process(container, exec_id))
		return err_say(err, EEXIST, "exec %s exists already", exec_id);
	return 0;
}

int container_exec(struct container *container, const char *exec_id,
		   const struct oci_process *process, struct stdio_outside *outside,
		   engine_done_fn *done, void *ctx, struct err *err)
{
	const struct oci_linux *linux_ = &container->spec->linux_;
	struct process *exec = NULL;
	uint32_t uid = 0, gid = 0;
	int r = check_exec(container, exec_id, err);

	if (r == 0 && (user_map_id(linux_->uid_mappings, linux_->n_uid_mappings, process->user.uid,
				   &uid) < 0 ||
		       user_map_id(linux_->gid_mappings, linux_->n_gid_mappings, process->user.gid,
				   &gid) < 0))
		r = err_say(err, EINVAL, "user %u:%u is not mapped in the user namespace",
			    process->user.uid, process->user.gid);
	if (r < 0) {
		stdio_outside_close(outside);
		return r;
	}
	outside->terminal = process->terminal;
	r = process_new(container, exec_id, outside, uid, gid, &exec, err);
	if (r == 0)
		r = launch_exec(container, exec, process, done, ctx, err);
	if (r < 0) {
		process_free(exec);
		return r;
	}
	exec->next = container->execs;
	container->execs = exec;
	return 0;
}
