/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kata-like-vmm: one process, one virtual machine. Everything it needs is opened here, before the
 * guest runs; see options.c for the command line and the exit statuses.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "lib/syscalls.h"
#include "vmm/check/check.h"
#include "vmm/control.h"
#include "vmm/descriptors.h"
#include "vmm/file-argument.h"
#include "vmm/jail/jail.h"
#include "vmm/options.h"
#include "vmm/vm.h"

/* The terminal gets its settings back. */
SYSCALLS(SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TCSETS),
	 SYSCALL_IF(SYSCALLS_MAIN, ioctl, 1, SYSCALL_IS, TCSETSF));

#define PROGRAM	     "kata-like-vmm"
#define STATUS_SETUP 1
#define STATUS_USAGE 2

/* Numbers that no distribution gives out; the shim gives each VM one of them. */
#define JAIL_USER_FIRST 1879048192u
#define JAIL_USER_COUNT 65536u
/* Log, console and what else is no disk. */
#define FILE_BYTES_MIN (64ull << 20)
/* Beside the vCPUs: the main thread, I/O threads, and io_uring's workers. */
#define JAIL_THREADS (VM_DISKS_MAX * 4u + 64u)

/* What is open for the time of a run, beside what the VM owns. */
struct session {
	struct loop *loop;
	struct loop_source *signals[3];
	struct control control;
	struct descriptors descriptors;
	struct jail jail;
	struct vm vm;
	bool vm_made;
	int kernel_fd, initrd_fd, template_fd, console_fd, descriptors_fd, control_fd, log_fd;
	char kernel_name[FILE_ARGUMENT_NAME_MAX], initrd_name[FILE_ARGUMENT_NAME_MAX];
	char template_name[FILE_ARGUMENT_NAME_MAX];
	bool raw_terminal;
	struct termios terminal; /* as it was */
};

static int open_console(struct session *session, const char *console, struct vm_config *config,
			struct err *err)
{
	config->console = true;
	config->console_in_fd = -1;
	if (strcmp(console, "-") == 0) {
		config->console_out_fd = STDOUT_FILENO;
		config->console_in_fd = STDIN_FILENO;
		config->console_escape = isatty(STDIN_FILENO);
		return 0;
	}
	session->console_fd =
		file_argument_open(console, O_RDWR | O_CREAT | O_NOCTTY, "console", err);
	config->console_out_fd = session->console_fd;
	config->console_bounded = true;
	return session->console_fd < 0 ? session->console_fd : 0;
}

static int open_disks(const struct options *options, struct vm_config *config, struct err *err)
{
	for (size_t i = 0; i < options->n_disks; i++) {
		const struct options_disk *disk = &options->disks[i];
		int fd = file_argument_open(disk->file, disk->read_only ? O_RDONLY : O_RDWR, "disk",
					    err);

		if (fd < 0)
			return fd;
		config->disks[config->n_disks++] =
			(struct vm_disk){ .fd = fd, .read_only = disk->read_only, .id = disk->id };
	}
	return 0;
}

static int open_file_systems(const struct options *options, struct vm_config *config,
			     struct err *err)
{
	for (size_t i = 0; i < options->n_fs; i++) {
		int fd = file_argument_open(options->fs[i].file, 0, "file server's socket", err);

		if (fd < 0)
			return fd;
		config->fs[config->n_fs++] = (struct vm_fs){ .fd = fd, .tag = options->fs[i].tag };
	}
	return 0;
}

static int open_nets(const struct options *options, struct vm_config *config, struct err *err)
{
	for (size_t i = 0; i < options->n_nets; i++) {
		const struct options_net *option = &options->nets[i];
		struct net_config *net = &config->nets[config->n_nets++];

		*net = option->config;
		net->n_fds = 0;
		for (unsigned j = 0; j < option->config.n_fds; j++) {
			int fd = file_argument_open(option->files[j], 0, "network interface", err);

			if (fd < 0)
				return fd;
			net->fds[net->n_fds++] = fd;
		}
	}
	return 0;
}

static int listen_uds(const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return err_say(err, ENAMETOOLONG,
			       "--vsock-uds %s: longer than the %zu bytes of a "
			       "socket's path",
			       path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0)
		return err_set(err, errno, "cannot make the vsock socket %s", path);
	/* From the jail nothing can be removed: one that nobody listens on any more is replaced. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno == ECONNREFUSED)
		(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot make the vsock socket %s", path);
	if (listen(fd, SOMAXCONN) < 0)
		return err_set(err, errno, "cannot listen on the vsock socket %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_vsock(const struct options *options, struct vm_config *config, struct err *err)
{
	config->vsock = options->vsock || options->vsock_uds;
	if (options->vsock) {
		config->vsock_link_fd = file_argument_open(options->vsock, 0, "vsock link", err);
		if (config->vsock_link_fd < 0)
			return config->vsock_link_fd;
	} else if (options->vsock_uds) {
		int pair[2];

		/* Without a shim the link's other end is closed: the guest's connections are
		 * refused. */
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
			return err_set(err, errno, "cannot make a vsock link");
		close(pair[1]);
		config->vsock_link_fd = pair[0];
	}
	return options->vsock_uds ? listen_uds(options->vsock_uds, &config->vsock_uds_fd, err) : 0;
}

static int open_template(struct session *session, const struct options *options,
			 struct vm_config *config, struct err *err)
{
	session->template_fd = file_argument_open(options->template, O_RDONLY, "template", err);
	if (session->template_fd < 0)
		return session->template_fd;
	file_argument_name(options->template, session->template_fd, session->template_name);
	config->template_fd = session->template_fd;
	config->template_name = session->template_name;
	return 0;
}

static int open_boot(struct session *session, const struct options *options,
		     struct vm_config *config, struct err *err)
{
	session->kernel_fd = file_argument_open(options->kernel, O_RDONLY, "kernel", err);
	if (session->kernel_fd < 0)
		return session->kernel_fd;
	file_argument_name(options->kernel, session->kernel_fd, session->kernel_name);
	if (options->initrd) {
		session->initrd_fd = file_argument_open(options->initrd, O_RDONLY, "initrd", err);
		if (session->initrd_fd < 0)
			return session->initrd_fd;
		file_argument_name(options->initrd, session->initrd_fd, session->initrd_name);
	}
	config->boot = (struct boot_config){ .kernel_fd = session->kernel_fd,
					     .kernel_name = session->kernel_name,
					     .initrd_fd = session->initrd_fd,
					     .initrd_name = session->initrd_name,
					     .cmdline = options->cmdline,
					     .cpus = options->cpus,
					     .isa_interrupts = options->console };
	return 0;
}

static int open_files(struct session *session, const struct options *options,
		      struct vm_config *config, struct err *err)
{
	int r = options->template ? open_template(session, options, config, err)
				  : open_boot(session, options, config, err);

	if (r == 0)
		r = open_disks(options, config, err);
	if (r == 0)
		r = open_file_systems(options, config, err);
	if (r == 0)
		r = open_nets(options, config, err);
	if (r == 0)
		r = open_vsock(options, config, err);
	if (r == 0 && options->console)
		r = open_console(session, options->console, config, err);
	if (r < 0)
		return r;
	config->kvm_fd = file_argument_is_inherited(options->kvm)
				 ? file_argument_open(options->kvm, 0, "KVM", err)
				 : kvm_open(options->kvm, err);
	if (config->kvm_fd < 0)
		return config->kvm_fd;
	if (options->descriptors) {
		session->descriptors_fd =
			file_argument_open(options->descriptors, 0, "descriptor lane", err);
		if (session->descriptors_fd < 0)
			return session->descriptors_fd;
	}
	if (options->control) {
		session->control_fd =
			file_argument_open(options->control, 0, "control socket", err);
		if (session->control_fd < 0)
			return session->control_fd;
	}
	return 0;
}

/* The size of the largest file that is written to. One that comes later may have any. */
static uint64_t largest_file(const struct options *options, const struct vm_config *config)
{
	uint64_t largest = FILE_BYTES_MIN;
	struct stat st;

	if (options->descriptors)
		return UINT64_MAX;
	/* Guest memory of a descriptor is a file, too. */
	if (config->shared_memory || config->n_fs > 0)
		largest = MAX(largest, config->memory_bytes);
	for (size_t i = 0; i < config->n_disks; i++)
		if (!config->disks[i].read_only && fstat(config->disks[i].fd, &st) == 0)
			largest = MAX(largest, (uint64_t)st.st_size);
	return largest;
}

static int enter_jail(struct session *session, const struct options *options,
		      const struct vm_config *config, struct err *err)
{
	struct jail_config jail = {
		.off = options->no_jail,
		.user = options->jail_user,
		.n_threads = options->cpus + JAIL_THREADS,
		.file_bytes = largest_file(options, config),
		.log_fd = session->log_fd,
	};

	if (jail.user == 0)
		jail.user = JAIL_USER_FIRST + (uid_t)getpid() % JAIL_USER_COUNT;
	return jail_enter(&session->jail, &jail, err);
}

static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
	struct session *session = ctx;

	vm_stop(&session->vm, strsignal((int)info->ssi_signo));
}

static int watch_signals(struct session *session, struct err *err)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

	_Static_assert(ARRAY_SIZE(numbers) == ARRAY_SIZE(session->signals), "one source each");
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int r = loop_add_signal(session->loop, numbers[i], on_signal, session,
					&session->signals[i]);

		if (r < 0)
			return err_set(err, -r, "cannot watch for signals");
	}
	return 0;
}

/* Keys go to the guest as they are typed; the guest echoes. */
static void make_terminal_raw(struct session *session)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &session->terminal) < 0)
		return;
	raw = session->terminal;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST | ONLCR; /* our own messages still end lines properly */
	session->raw_terminal = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == 0;
}

static int set_up(struct session *session, const struct options *options, struct err *err)
{
	struct vm_config config = { .kvm_fd = -1,
				    .template_fd = -1,
				    .cpus = options->cpus,
				    .memory_bytes = options->memory_bytes,
				    .vsock_link_fd = -1,
				    .vsock_uds_fd = -1,
				    .shared_memory = options->shared_memory,
				    .rng = options->rng,
				    .pvpanic = options->pvpanic,
				    .hotplug = options->descriptors != NULL,
				    .cpu_model = options->cpu_model,
				    .jail = &session->jail };
	int r = open_files(session, options, &config, err);

	if (r == 0)
		r = enter_jail(session, options, &config, err);
	if (r == 0)
		r = loop_new(&session->loop, err);
	if (r < 0)
		return r;
	r = vm_init(&session->vm, session->loop, &config, err);
	cleanup_fd(&session->template_fd);
	if (r < 0)
		return r;
	session->vm_made = true;
	r = watch_signals(session, err);
	if (r == 0 && options->descriptors)
		r = descriptors_init(&session->descriptors, session->loop,
				     TAKE_FD(session->descriptors_fd), err);
	if (r == 0 && options->control)
		r = control_init(&session->control, &session->vm, &session->descriptors,
				 TAKE_FD(session->control_fd), err);
	if (r == 0 && config.console_escape)
		make_terminal_raw(session);
	return r;
}

static void tear_down(struct session *session)
{
	if (session->raw_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &session->terminal);
	control_fini(&session->control);
	descriptors_fini(&session->descriptors);
	if (session->vm_made)
		vm_fini(&session->vm);
	for (size_t i = 0; i < ARRAY_SIZE(session->signals); i++)
		loop_source_free(session->signals[i]);
	loop_free(session->loop);
	cleanup_fd(&session->kernel_fd);
	cleanup_fd(&session->initrd_fd);
	cleanup_fd(&session->template_fd);
	cleanup_fd(&session->console_fd);
	cleanup_fd(&session->descriptors_fd);
	cleanup_fd(&session->control_fd);
}

static int run(const struct options *options, int log_fd)
{
	struct session session = { .kernel_fd = -1,
				   .initrd_fd = -1,
				   .template_fd = -1,
				   .console_fd = -1,
				   .descriptors_fd = -1,
				   .control_fd = -1,
				   .log_fd = log_fd };
	enum vm_end end = VM_END_STOPPED;
	struct err err = ERR_INIT;
	int r = set_up(&session, options, &err);

	if (r == 0)
		r = vm_run(&session.vm, &end, &err);
	if (r < 0)
		log_error("%s", err_text(&err));
	tear_down(&session);
	return r < 0 ? STATUS_SETUP : vm_end_status(end);
}

static int set_up_log(const struct options *options, int *ret_fd, struct err *err)
{
	int fd = STDERR_FILENO;

	if (options->log) {
		fd = file_argument_open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY,
					"log", err);
		if (fd < 0)
			return fd;
	}
	log_init(PROGRAM, options->log_level, LOG_FORMAT_TEXT, fd);
	*ret_fd = fd;
	return 0;
}

static int act(const struct options *options)
{
	struct err err = ERR_INIT;
	int log_fd = -1;

	switch (options->action) {
	case OPTIONS_HELP:
		options_help(stdout);
		return 0;
	case OPTIONS_VERSION:
		printf("%s %s\n", PROGRAM, KATA_LIKE_VERSION);
		return 0;
	case OPTIONS_CHECK:
		return check_run(options->kvm, options->json, stdout) ? 0 : STATUS_SETUP;
	case OPTIONS_RUN:
		break;
	}
	if (set_up_log(options, &log_fd, &err) < 0) {
		log_error("%s", err_text(&err));
		return STATUS_SETUP;
	}
	return run(options, log_fd);
}

int main(int argc, char *argv[])
{
	struct options options;
	struct err err = ERR_INIT;
	int status;

	log_init(PROGRAM, LOG_LEVEL_WARN, LOG_FORMAT_TEXT, STDERR_FILENO);
	(void)signal(SIGPIPE, SIG_IGN);
	if (options_parse(argc, argv, &options, &err) < 0) {
		log_error("%s; see --help", err_text(&err));
		status = STATUS_USAGE;
	} else {
		status = act(&options);
	}
	options_fini(&options);
	return status;
}
