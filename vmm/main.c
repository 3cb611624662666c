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
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "lib/fd.h"
#include "lib/log.h"
#include "vmm/check/check.h"
#include "vmm/control.h"
#include "vmm/descriptors.h"
#include "vmm/file-argument.h"
#include "vmm/options.h"
#include "vmm/vm.h"

#define PROGRAM	     "kata-like-vmm"
#define STATUS_SETUP 1
#define STATUS_USAGE 2

/* What is open for the time of a run, beside what the VM owns. */
struct session {
	struct loop *loop;
	struct loop_source *signals[3];
	struct control control;
	struct descriptors descriptors;
	struct vm vm;
	bool vm_made;
	int kernel_fd, initrd_fd, console_fd;
	char kernel_name[FILE_ARGUMENT_NAME_MAX], initrd_name[FILE_ARGUMENT_NAME_MAX];
	const char *uds_path; /* made by us, to be removed */
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

static int listen_uds(struct session *session, const char *path, int *ret_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return err_say(err, ENAMETOOLONG,
			       "--vsock-uds %s: longer than the %zu bytes of a "
			       "socket's path",
			       path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, errno, "cannot make the vsock socket %s", path);
	session->uds_path = path;
	if (listen(fd, SOMAXCONN) < 0)
		return err_set(err, errno, "cannot listen on the vsock socket %s", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int open_vsock(struct session *session, const struct options *options,
		      struct vm_config *config, struct err *err)
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
	return options->vsock_uds
		       ? listen_uds(session, options->vsock_uds, &config->vsock_uds_fd, err)
		       : 0;
}

static int open_files(struct session *session, const struct options *options,
		      struct vm_config *config, struct err *err)
{
	int r = 0;

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
	r = open_disks(options, config, err);
	if (r == 0)
		r = open_file_systems(options, config, err);
	if (r == 0)
		r = open_vsock(session, options, config, err);
	if (r == 0 && options->console)
		r = open_console(session, options->console, config, err);
	if (r < 0)
		return r;
	config->kvm_fd = file_argument_is_inherited(options->kvm)
				 ? file_argument_open(options->kvm, 0, "KVM", err)
				 : kvm_open(options->kvm, err);
	return config->kvm_fd < 0 ? config->kvm_fd : 0;
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
				    .cpus = options->cpus,
				    .memory_bytes = options->memory_bytes,
				    .vsock_link_fd = -1,
				    .vsock_uds_fd = -1,
				    .shared_memory = options->shared_memory,
				    .rng = options->rng,
				    .pvpanic = options->pvpanic };
	int r = open_files(session, options, &config, err);

	if (r == 0)
		r = loop_new(&session->loop, err);
	if (r < 0)
		return r;
	r = vm_init(&session->vm, session->loop, &config, err);
	if (r < 0)
		return r;
	session->vm_made = true;
	r = watch_signals(session, err);
	if (r == 0 && options->descriptors) {
		int fd = file_argument_open(options->descriptors, 0, "descriptor lane", err);

		r = fd < 0 ? fd : descriptors_init(&session->descriptors, session->loop, fd, err);
	}
	if (r == 0 && options->control) {
		int fd = file_argument_open(options->control, 0, "control socket", err);

		r = fd < 0 ? fd
			   : control_init(&session->control, &session->vm, &session->descriptors,
					  fd, err);
	}
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
	if (session->uds_path)
		unlink(session->uds_path);
	cleanup_fd(&session->kernel_fd);
	cleanup_fd(&session->initrd_fd);
	cleanup_fd(&session->console_fd);
}

static int run(const struct options *options)
{
	struct session session = { .kernel_fd = -1, .initrd_fd = -1, .console_fd = -1 };
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

static int set_up_log(const struct options *options, struct err *err)
{
	int fd = STDERR_FILENO;

	if (options->log) {
		fd = file_argument_open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY,
					"log", err);
		if (fd < 0)
			return fd;
	}
	log_init(PROGRAM, options->log_level, LOG_FORMAT_TEXT, fd);
	return 0;
}

static int act(const struct options *options)
{
	struct err err = ERR_INIT;

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
	if (set_up_log(options, &err) < 0) {
		log_error("%s", err_text(&err));
		return STATUS_SETUP;
	}
	return run(options);
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
