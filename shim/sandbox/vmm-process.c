/* SPDX-License-Identifier: Apache-2.0 */
/* The VMM as a child process. */
#include "shim/sandbox/vmm-process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/paths.h"
#include "lib/userns.h"
#include "proto/descriptor-lane.h"
#include "proto/shared-folder.h"
#include "proto/ttrpc/client.h"
#include "shim/job.h"
#include "shim/net/model.h"
#include "shim/sandbox/jail-user.h"
#include "shim/sandbox/log-tail.h"
#include "vmm.pb-c.h"

#define SERVICE		"kata_like.vmm.v1.Vmm"
#define STOP_TIMEOUT_MS 1000
#define ARGS_MAX	64
#define TEXT_MAX	8192

struct vmm_process {
	struct loop *loop;
	pid_t pid;
	struct loop_source *child, *stop_timer;
	struct ttrpc_client *control;
	int lane_fd; /* of proto/descriptor-lane.h */
	uint64_t last_token;
	struct log_tail *log;
	uid_t user;  /* that it runs as; 0: as ours */
	int user_fd; /* holds the user; -1 without */
	vmm_ended_fn *ended;
	void *ctx;
};

/* The argument vector, and which descriptors it names. */
struct command {
	char *argv[ARGS_MAX];
	size_t n_args;
	int fds[ARGS_MAX];
	size_t n_fds;
	char text[TEXT_MAX];
	size_t text_len;
	bool overflow;
};

static void add_text(struct command *command, const char *fmt, ...) _printf_(2, 3);

static void add_text(struct command *command, const char *fmt, ...)
{
	size_t room = sizeof(command->text) - command->text_len;
	char *start = command->text + command->text_len;
	va_list va;
	int n;

	va_start(va, fmt);
	n = vsnprintf(start, room, fmt, va);
	va_end(va);
	if (n < 0 || (size_t)n >= room || command->n_args + 1 >= ARGS_MAX) {
		command->overflow = true;
		return;
	}
	command->text_len += (size_t)n + 1;
	command->argv[command->n_args++] = start;
}

static void add_fd(struct command *command, const char *option, int fd, const char *more)
{
	add_text(command, "%s", option);
	add_text(command, "fd:%d%s", fd, more);
	if (!command->overflow)
		command->fds[command->n_fds++] = fd;
}

/* Sockets and pipe between us and the child; the child's ends are closed by the caller. */
struct channels {
	int control_ours, control_theirs, lane_ours, lane_theirs, log_ours, log_theirs;
};

#define CHANNELS_NONE ((struct channels){ -1, -1, -1, -1, -1, -1 })

static void cleanup_channels(struct channels *channels)
{
	cleanup_fd(&channels->control_ours);
	cleanup_fd(&channels->control_theirs);
	cleanup_fd(&channels->lane_ours);
	cleanup_fd(&channels->lane_theirs);
	cleanup_fd(&channels->log_ours);
	cleanup_fd(&channels->log_theirs);
}

static void add_nic(struct command *command, const struct vmm_nic *nic)
{
	char text[64 + 16 * JOINT_QUEUES_MAX];
	int n = 0;

	for (size_t i = 0; i < nic->n_fds; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s:%d", i ? "," : "",
			      nic->socket ? "socket" : "fd", nic->fds[i]);
	(void)snprintf(text + n, sizeof(text) - (size_t)n,
		       ",mac=%02x:%02x:%02x:%02x:%02x:%02x,mtu=%u", nic->mac[0], nic->mac[1],
		       nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5], nic->mtu);
	add_text(command, "--net");
	add_text(command, "%s", text);
	for (size_t i = 0; i < nic->n_fds && !command->overflow; i++)
		command->fds[command->n_fds++] = nic->fds[i];
}

static int build_command(struct command *command, const char *program,
			 const struct vmm_config *config, uid_t user,
			 const struct channels *channels, struct err *err)
{
	add_text(command, "%s", program);
	if (user != 0) {
		add_text(command, "--jail-user");
		add_text(command, "%u", user);
	}
	if (config->template_fd >= 0) {
		add_fd(command, "--template", config->template_fd, "");
	} else {
		add_fd(command, "--kernel", config->kernel_fd, "");
		add_fd(command, "--initrd", config->initrd_fd, "");
		add_text(command, "--cmdline");
		add_text(command, "%s", config->cmdline);
	}
	add_text(command, "--cpu-model");
	add_text(command, "%s", config->cpu_model);
	add_text(command, "--cpus");
	add_text(command, "%" PRIu32, config->cpus);
	add_text(command, "--memory");
	add_text(command, "%" PRIu64 "K", config->memory_bytes >> 10);
	for (size_t i = 0; i < config->n_disks; i++) {
		char more[DISK_SERIAL_MAX + 16];

		(void)snprintf(more, sizeof(more), ",%sid=%s",
			       config->disks[i].writable ? "" : "ro,", config->disks[i].serial);
		add_fd(command, "--disk", config->disks[i].fd, more);
	}
	if (config->fs_fd >= 0)
		add_fd(command, "--fs", config->fs_fd, ",tag=" SHARED_FOLDER_TAG);
	else if (config->shared_memory)
		add_text(command, "--shared-memory");
	for (size_t i = 0; i < config->n_nics; i++)
		add_nic(command, &config->nics[i]);
	add_fd(command, "--vsock", config->vsock_fd, "");
	add_text(command, "--rng");
	add_text(command, "--pvpanic");
	add_fd(command, "--control", channels->control_theirs, "");
	add_fd(command, "--descriptors", channels->lane_theirs, "");
	if (config->console_fd >= 0)
		add_fd(command, "--console", config->console_fd, "");
	add_fd(command, "--kvm", config->kvm_fd, "");
	add_fd(command, "--log", channels->log_theirs, "");
	add_text(command, "--log-level");
	add_text(command, config->debug ? "debug" : "warning");
	command->argv[command->n_args] = NULL;
	return command->overflow ? err_say(err, E2BIG,
					   "the VM has too many parts, or its command "
					   "line is too long")
				 : 0;
}

/*
 * Like fork(), with the child as the first process of a pid namespace: the part of the VMM's jail
 * (vmm/jail/jail.h) that it cannot make itself. An ordinary user makes it in a user namespace;
 * where that is not allowed, there is none. *ret_parent is what the child sees as its parent.
 */
static pid_t fork_into_pid_namespace(int cgroup_fd, pid_t *ret_parent)
{
	uid_t user = geteuid();
	gid_t group = getegid();
	unsigned long flags = CLONE_NEWPID | (user == 0 ? 0 : CLONE_NEWUSER);
	pid_t ours = getpid();
	pid_t pid = job_fork_into(cgroup_fd, flags);

	*ret_parent = 0;
	if (pid == 0 && user != 0 && userns_map_ourselves(user, group) < 0)
		_exit(126);
	if (pid >= 0 || user == 0)
		return pid;
	*ret_parent = ours;
	return job_fork_into(cgroup_fd, 0);
}

_noreturn_ static void child_main(pid_t parent, struct command *command, int log_fd)
{
	if (job_child_reset(parent) < 0 || job_child_streams(-1, log_fd, log_fd) < 0 ||
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(126);
	for (size_t i = 0; i < command->n_fds; i++)
		if (fcntl(command->fds[i], F_SETFD, 0) < 0)
			_exit(126);
	execv(command->argv[0], command->argv);
	dprintf(STDERR_FILENO, "shim: cannot execute %s: %s\n", command->argv[0], strerror(errno));
	_exit(127);
}

static void describe_end(const struct vmm_process *vmm, int wait_status, char *reason, size_t size)
{
	const char *last = log_tail_last_error(vmm->log);

	if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS)
		(void)snprintf(reason, size, "the VM's process did what its jail forbids: %s",
			       *last ? last : "killed by seccomp");
	else if (*last)
		(void)snprintf(reason, size, "%s", last);
	else if (WIFSIGNALED(wait_status))
		(void)snprintf(reason, size, "the VM's process was killed by signal %d (%s)",
			       WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else if (WEXITSTATUS(wait_status) == 0)
		(void)snprintf(reason, size, "the guest switched itself off");
	else
		(void)snprintf(reason, size, "the VM's process ended with status %d",
			       WEXITSTATUS(wait_status));
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	struct vmm_process *vmm = ctx;
	bool killed = WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
	char reason[ERR_TEXT_MAX];

	(void)pid;
	vmm->child = NULL;
	vmm->pid = 0;
	loop_timer_arm(vmm->stop_timer, -1);
	log_tail_flush(vmm->log);
	if (killed)
		(void)snprintf(reason, sizeof(reason), "the VM's process was killed");
	else
		describe_end(vmm, wait_status, reason, sizeof(reason));
	vmm->ended(vmm->ctx, killed, reason);
}

static void stop_timed_out(void *ctx)
{
	vmm_process_kill(ctx);
}

static int make_channels(struct channels *channels, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot make the VMM's control socket");
	channels->control_ours = pair[0];
	channels->control_theirs = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot make the VMM's socket for descriptors");
	channels->lane_ours = pair[0];
	channels->lane_theirs = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot make the VMM's log pipe");
	channels->log_ours = pair[0];
	channels->log_theirs = pair[1];
	return 0;
}

static int spawn(struct vmm_process *vmm, const struct vmm_config *config,
		 const struct channels *channels, struct err *err)
{
	char program[PATHS_MAX];
	_cleanup_free_ struct command *command = calloc(1, sizeof(*command));
	pid_t parent;
	int r;

	if (!command)
		return err_set(err, ENOMEM, "cannot start the VMM");
	r = paths_program("kata-like-vmm", program, err);
	if (r < 0)
		return r;
	r = build_command(command, program, config, vmm->user, channels, err);
	if (r < 0)
		return r;
	vmm->pid = fork_into_pid_namespace(config->cgroup_fd, &parent);
	if (vmm->pid < 0) {
		vmm->pid = 0;
		return err_set(err, errno, "cannot start the VMM");
	}
	if (vmm->pid == 0)
		child_main(parent, command, channels->log_theirs);
	r = loop_add_child(vmm->loop, vmm->pid, child_ended, vmm, &vmm->child);
	return r < 0 ? err_set(err, -r, "cannot watch the VMM") : 0;
}

int vmm_process_new(struct loop *loop, const struct vmm_config *config, vmm_ended_fn *ended,
		    void *ctx, struct vmm_process **ret_vmm, struct err *err)
{
	_cleanup_(cleanup_channels) struct channels channels = CHANNELS_NONE;
	struct vmm_process *vmm = calloc(1, sizeof(*vmm));
	int r;

	if (!vmm)
		return err_set(err, ENOMEM, "cannot start the VMM");
	*vmm = (struct vmm_process){
		.loop = loop, .lane_fd = -1, .user_fd = -1, .ended = ended, .ctx = ctx
	};
	r = make_channels(&channels, err);
	if (r == 0)
		vmm->lane_fd = TAKE_FD(channels.lane_ours);
	if (r == 0)
		r = log_tail_new(loop, TAKE_FD(channels.log_ours), config->log_path, "vmm",
				 &vmm->log, err);
	if (r == 0 && loop_add_timer(loop, stop_timed_out, vmm, &vmm->stop_timer) < 0)
		r = err_set(err, ENOMEM, "cannot start the VMM");
	if (r == 0)
		r = ttrpc_client_new(loop, TAKE_FD(channels.control_ours), NULL, NULL,
				     &vmm->control, err);
	if (r == 0 && geteuid() == 0)
		r = jail_user_take(JAIL_USER_FILE, config->sandbox_id, config->first_user,
				   config->n_users, &vmm->user, &vmm->user_fd, err);
	if (r == 0)
		r = spawn(vmm, config, &channels, err);
	if (r < 0) {
		vmm_process_free(vmm);
		return r;
	}
	*ret_vmm = vmm;
	return 0;
}

void vmm_process_free(struct vmm_process *vmm)
{
	if (!vmm)
		return;
	loop_source_free(vmm->child);
	if (vmm->pid > 0) {
		(void)kill(vmm->pid, SIGKILL);
		(void)waitpid(vmm->pid, NULL, 0);
	}
	ttrpc_client_free(vmm->control);
	cleanup_fd(&vmm->lane_fd);
	loop_source_free(vmm->stop_timer);
	log_tail_free(vmm->log);
	/* Last: nobody else gets the user before the VMM is gone. */
	cleanup_fd(&vmm->user_fd);
	free(vmm);
}

pid_t vmm_process_pid(const struct vmm_process *vmm)
{
	return vmm ? vmm->pid : 0;
}

int vmm_process_send(struct vmm_process *vmm, int fd, uint64_t *ret_token, struct err *err)
{
	const struct descriptor_lane_message message = { .token = vmm->last_token + 1 };
	int r = fd_send(vmm->lane_fd, &message, sizeof(message), &fd, 1);

	if (r < 0)
		return err_set(err, -r, "cannot hand a descriptor to the VMM");
	vmm->last_token = message.token;
	*ret_token = message.token;
	return 0;
}

int vmm_process_call(struct vmm_process *vmm, const char *method,
		     const ProtobufCMessageDescriptor *response, const ProtobufCMessage *request,
		     int64_t timeout_ms, ttrpc_done_fn *done, void *ctx, struct err *err)
{
	const struct ttrpc_target target = { SERVICE, method, response };
	int r = ttrpc_client_call(vmm->control, &target, request, timeout_ms, done, ctx);

	return r < 0 ? err_set(err, -r, "cannot call the VMM") : 0;
}

static void stop_answered(void *ctx, const struct ttrpc_status *status,
			  const ProtobufCMessage *response)
{
	/* It ends now or the timer fires: both are seen elsewhere. */
	(void)ctx;
	(void)status;
	(void)response;
}

void vmm_process_stop(struct vmm_process *vmm)
{
	static const struct ttrpc_target stop = { SERVICE, "Stop", &kata_like__empty__descriptor };
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;

	if (vmm->pid == 0)
		return;
	loop_timer_arm(vmm->stop_timer, STOP_TIMEOUT_MS);
	if (ttrpc_client_call(vmm->control, &stop, &request.base, STOP_TIMEOUT_MS, stop_answered,
			      NULL) < 0)
		vmm_process_kill(vmm);
}

void vmm_process_kill(struct vmm_process *vmm)
{
	/* Not reaped before loop_add_child() has, so the number is still its own. */
	if (vmm->pid > 0)
		(void)kill(vmm->pid, SIGKILL);
}
