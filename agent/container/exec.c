/* SPDX-License-Identifier: Apache-2.0 */
/* The child's side of an exec: into the container's namespaces, and on to its program. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "agent/container/child.h"

static int join_namespaces(struct child *child, struct err *err)
{
	const struct namespaces_plan *plan = &child->container->plan;
	/* It was born in the pid namespace; those of the VM itself need no joining. */
	unsigned long flags = (plan->new_flags | plan->joined_flags) & ~(unsigned long)CLONE_NEWPID;

	if (setns(child->init_pidfd, (int)flags) < 0)
		return err_set(err, errno, "cannot join the namespaces of the container's init");
	close(TAKE_FD(child->init_pidfd));
	return 0;
}

static int open_terminal(struct child *child, struct err *err)
{
	_cleanup_fd_ int slave_fd = -1;
	int r;

	child->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (child->root_fd < 0)
		return err_set(err, errno, "cannot open the root");
	r = child_open_terminal(child, &slave_fd, err);
	close(TAKE_FD(child->root_fd));
	return r;
}

static const struct child_step steps[] = {
	{ "leaving the agent", child_detach },
	{ "finding the seccomp listener", child_find_listener },
	{ "setting the OOM score", child_set_oom_score },
	{ "raising limits", child_make_room },
	{ "joining the container", join_namespaces },
	{ "opening the terminal", open_terminal },
};

void exec_child(void *ctx, int channel_fd, const int std_fds[3])
{
	const struct exec_params *params = ctx;
	struct child child = { .container = params->container,
			       .spec = params->container->spec,
			       .process = params->process,
			       .channel_fd = channel_fd,
			       .std_fds = { std_fds[0], std_fds[1], std_fds[2] },
			       .root_fd = -1,
			       .init_pidfd = params->init_pidfd,
			       .listener_fd = -1 };

	child_run(&child, steps, ARRAY_SIZE(steps));
	child_run(&child, child_launch_steps, child_n_launch_steps);
	child_execute(&child);
}
