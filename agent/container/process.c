/* SPDX-License-Identifier: Apache-2.0 */
/* A process that the agent started. */
#include "agent/container/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sched.h>

#include "agent/container/channel.h"
#include "agent/container/container.h"
#include "lib/fd.h"
#include "lib/log.h"

struct process_waiter {
	process_wait_fn *fn;
	void *ctx;
	struct process_waiter *next;
};

static void on_exit_status(void *ctx, pid_t pid, int wait_status);

int process_new(struct container *container, const char *exec_id, struct stdio_outside *outside,
		uint32_t uid, uint32_t gid, struct process **ret_process, struct err *err)
{
	struct process *process = calloc(1, sizeof(*process));
	int r;

	if (process)
		process->exec_id = strdup(exec_id);
	if (!process || !process->exec_id) {
		free(process);
		stdio_outside_close(outside);
		return err_set(err, ENOMEM, "cannot make a process");
	}
	process->container = container;
	process->engine = container->engine;
	process->channel_fd = -1;
	r = stdio_new(process->engine->loop, outside, process->engine->null_fd, uid, gid,
		      &process->stdio, err);
	if (r < 0) {
		process_free(process);
		return r;
	}
	*ret_process = process;
	return 0;
}

static void close_channel(struct process *process)
{
	loop_source_free(TAKE_PTR(process->channel_source));
	if (process->channel_fd >= 0)
		close(TAKE_FD(process->channel_fd));
}

void process_free(struct process *process)
{
	if (!process)
		return;
	if (process->pid > 0)
		reaper_forget(process->engine->reaper, process->pid);
	close_channel(process);
	loop_source_free(process->finish_source);
	stdio_free(process->stdio);
	while (process->waiters) {
		struct process_waiter *next = process->waiters->next;

		free(process->waiters);
		process->waiters = next;
	}
	free(process->exec_id);
	free(process);
}

static void report(struct process *process, const struct err *err)
{
	engine_done_fn *done = process->done;

	process->done = NULL;
	if (done)
		done(process->done_ctx, err, process->pid);
}

/* The child gives the rest of its life to another process, which we become the parent of. */
static int take_over_forked(struct process *process, int pidfd)
{
	char path[64];
	_cleanup_free_ char *info = NULL;
	const char *line;
	pid_t pid;
	int r;

	if (pidfd < 0)
		return -EPROTO;
	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	r = file_read(AT_FDCWD, path, 4096, &info, NULL, NULL);
	if (r < 0)
		return r;
	line = strstr(info, "Pid:");
	pid = line ? (pid_t)strtol(line + 4, NULL, 10) : 0;
	if (pid <= 0)
		return -ESRCH;
	reaper_forget(process->engine->reaper, process->pid);
	process->pid = pid;
	r = reaper_watch(process->engine->reaper, pid, on_exit_status, process);
	return r < 0 ? r : channel_send(process->channel_fd, CHANNEL_GO, 0);
}

/* The exec of the program is what closes a channel that had nothing more to say. */
static void on_channel_closed(struct process *process)
{
	close_channel(process);
	if (process->failure.code)
		return;
	if (process->state == PROCESS_STARTING ||
	    (process->state == PROCESS_SETTING_UP && *process->exec_id)) {
		process->state = PROCESS_RUNNING;
		container_process_runs(process->container, process);
		report(process, NULL);
	}
}

static void on_message(struct process *process, const struct channel_message *message,
		       int passed_fd)
{
	const char *what = "cannot help the process to set itself up";
	int r = 0;

	switch (message->type) {
	case CHANNEL_FAILED:
		process->failure.code = message->code;
		memcpy(process->failure.text, message->text, sizeof(message->text));
		break;
	case CHANNEL_MAP_USERS:
		r = container_map_users(process->container, process->pid);
		if (r < 0)
			what = "entering the user namespace: cannot map ids as linux.uidMappings "
			       "and linux.gidMappings say";
		else
			r = channel_send(process->channel_fd, CHANNEL_GO, 0);
		break;
	case CHANNEL_FORKED:
		r = take_over_forked(process, passed_fd);
		break;
	case CHANNEL_TERMINAL:
		r = stdio_attach_terminal(process->stdio, TAKE_FD(passed_fd), NULL);
		if (r < 0)
			what = "opening the terminal: cannot relay it";
		break;
	case CHANNEL_READY:
		process->state = PROCESS_READY;
		report(process, NULL);
		break;
	default:
		r = -EPROTO;
	}
	if (passed_fd >= 0)
		close(passed_fd);
	if (r < 0) {
		err_set(&process->failure, -r, "%s", what);
		(void)kill(process->pid, SIGKILL);
	}
}

static void drain_channel(struct process *process)
{
	while (process->channel_fd >= 0) {
		struct channel_message message;
		int passed_fd;
		int r = channel_receive(process->channel_fd, &message, &passed_fd);

		if (r == -EAGAIN)
			return;
		if (r < 0 || message.type == CHANNEL_CLOSED) {
			on_channel_closed(process);
			return;
		}
		on_message(process, &message, passed_fd);
	}
}

static void on_channel(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	drain_channel(ctx);
}

/*
 * The fork. A process is born into another pid namespace only by way of its parent's namespace for
 * children, so the agent's is changed for that moment.
 */
static pid_t fork_into(const struct process_launch *launch)
{
	struct clone_args args = { .flags = launch->clone_flags, .exit_signal = SIGCHLD };
	_cleanup_fd_ int own_fd = -1;
	pid_t pid;
	int r = 0;

	if (launch->cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)launch->cgroup_fd;
	}
	if (launch->pid_namespace_fd >= 0) {
		own_fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (own_fd < 0 || setns(launch->pid_namespace_fd, CLONE_NEWPID) < 0)
			return -errno;
	}
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		r = -errno;
	if (pid > 0 && own_fd >= 0 && setns(own_fd, CLONE_NEWPID) < 0)
		log_error("cannot go back to the own pid namespace: %s", strerror(errno));
	if (pid < 0 && own_fd >= 0)
		(void)setns(own_fd, CLONE_NEWPID);
	return pid < 0 ? r : pid;
}

int process_launch(struct process *process, const struct process_launch *launch,
		   engine_done_fn *done, void *ctx, struct err *err)
{
	_cleanup_fd_ int agent_fd = -1, child_fd = -1;
	int std_fds[3];
	pid_t pid;
	int r = channel_new(&agent_fd, &child_fd);

	if (r == 0)
		r = fd_set_nonblock(agent_fd, 1);
	if (r < 0)
		return err_set(err, -r, "cannot make a channel");
	stdio_child_fds(process->stdio, std_fds);
	pid = fork_into(launch);
	if (pid == 0) {
		launch->child(launch->ctx, child_fd, std_fds);
		_exit(1);
	}
	if (pid < 0)
		return err_set(err, -pid, "cannot fork");
	r = reaper_watch(process->engine->reaper, pid, on_exit_status, process);
	if (r < 0) {
		/* Nobody would hear of its end. */
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return err_set(err, -r, "cannot watch the process");
	}
	process->pid = pid;
	process->done = done;
	process->done_ctx = ctx;
	process->channel_fd = TAKE_FD(agent_fd);
	r = loop_add_fd(process->engine->loop, process->channel_fd, EPOLLIN, on_channel, process,
			&process->channel_source);
	if (r == 0)
		r = stdio_start(process->stdio, err);
	if (r < 0) {
		/* The failure is reported when it has been reaped, as every other. */
		err_set(&process->failure, -r, "cannot watch the process");
		(void)kill(pid, SIGKILL);
	}
	return 0;
}

int process_start(struct process *process, engine_done_fn *done, void *ctx, struct err *err)
{
	int r;

	if (process->state != PROCESS_READY)
		return err_say(err, EBUSY, "the container is not in the state created");
	r = channel_send(process->channel_fd, CHANNEL_START, 0);
	if (r < 0)
		return err_set(err, -r, "cannot start the container");
	process->state = PROCESS_STARTING;
	process->done = done;
	process->done_ctx = ctx;
	return 0;
}

int process_signal(struct process *process, int signal_number)
{
	if (process->pid <= 0)
		return -ESRCH;
	/*
	 * Before its program runs it is init of a pid namespace without handlers, which the kernel
	 * shields from all but SIGKILL.
	 */
	if (process->state < PROCESS_RUNNING && signal_number != 0) {
		process->signal_before_start = signal_number;
		signal_number = SIGKILL;
	}
	return kill(process->pid, signal_number) < 0 ? -errno : 0;
}

int process_wait(struct process *process, process_wait_fn *fn, void *ctx)
{
	struct process_waiter *waiter;

	if (process->finished) {
		fn(ctx, &process->exit);
		return 0;
	}
	waiter = malloc(sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	*waiter = (struct process_waiter){ .fn = fn, .ctx = ctx, .next = process->waiters };
	process->waiters = waiter;
	return 0;
}

void process_check_finished(struct process *process)
{
	struct process_waiter *waiters;

	if (process->finished || process->state != PROCESS_ENDED || !process->output_done ||
	    !container_may_finish(process->container, process))
		return;
	process->finished = true;
	waiters = TAKE_PTR(process->waiters);
	while (waiters) {
		struct process_waiter *waiter = waiters;

		waiters = waiter->next;
		waiter->fn(waiter->ctx, &process->exit);
		free(waiter);
	}
	container_process_finished(process->container, process);
}

static void finish(void *ctx)
{
	struct process *process = ctx;

	process->finish_source = NULL;
	process_check_finished(process);
}

/* Called from inside a relay, which whoever is told next may free: so they are told a little later.
 */
static void on_output_done(void *ctx)
{
	struct process *process = ctx;

	process->output_done = true;
	if (loop_add_deferred(process->engine->loop, finish, process, &process->finish_source) < 0)
		process_check_finished(process);
}

/* A set-up that died without a word: killed, or out of memory. */
static void explain_death(struct process *process, int wait_status)
{
	if (process->failure.code)
		return;
	if (process->signal_before_start)
		err_say(&process->failure, ECANCELED, "it was killed before its program ran");
	else if (WIFSIGNALED(wait_status))
		err_say(&process->failure, EIO, "setting it up was ended by signal %d (%s)",
			WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		err_say(&process->failure, EIO, "setting it up ended with status %d",
			WEXITSTATUS(wait_status));
}

static int exit_status(const struct process *process, int wait_status)
{
	if (process->signal_before_start && process->state < PROCESS_RUNNING)
		return 128 + process->signal_before_start;
	/* As a shell has it: 127 for a program that is not there, 126 for one that cannot be run.
	 */
	if (process->failure.code && process->state < PROCESS_RUNNING)
		return process->failure.code == -ENOENT ? 127 : 126;
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void on_exit_status(void *ctx, pid_t pid, int wait_status)
{
	struct process *process = ctx;

	(void)pid;
	clock_gettime(CLOCK_REALTIME, &process->exit.at);
	/* What it said before it went may not have been read yet. */
	drain_channel(process);
	close_channel(process);
	process->pid = 0;
	if (process->state < PROCESS_RUNNING && process->state != PROCESS_READY)
		explain_death(process, wait_status);
	process->exit.status = exit_status(process, wait_status);
	process->state = PROCESS_ENDED;
	log_debug("%s/%s ended with status %d", process->container->id,
		  *process->exec_id ? process->exec_id : "init", process->exit.status);
	stdio_drain(process->stdio, on_output_done, process);
	container_process_ended(process->container, process);
	/* Last: whoever waits for the operation may free the process. */
	if (process->failure.code)
		report(process, &process->failure);
}
