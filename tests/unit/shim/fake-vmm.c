/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kata-like-vmm without a VM, for tests of the shim: takes the VMM's arguments, speaks the
 * agent's API over the vsock link, and runs containers as plain processes of the host. Words of
 * --cmdline make it misbehave: fake.silent (the agent never comes up), fake.refuse (ends at once
 * with an error), fake.panic (ends as for a guest panic when a container starts), fake.drop (the
 * agent's connection breaks then), fake.deaf (Stop is ignored), fake.link (the vsock link brings
 * what it should not), fake.agent=KIND/METHOD and fake.control=KIND/METHOD (answers of the agent or
 * of the VMM as in mangler.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent.pb-c.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "oci/spec.h"
#include "proto/ttrpc/server.h"
#include "proto/vsock-link.h"
#include "tests/unit/shim/mangler.h"
#include "vmm.pb-c.h"

#define PROCESSES_MAX 16

/*
 * The shim starts it in a pid namespace whose /proc is the host's, in which the leak check of a
 * sanitized build fails, with words of its own after ours.
 */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return 1;
}

struct fake_process {
	struct fake *fake;
	char id[80], exec_id[80];
	bool used, started, ended;
	pid_t pid;
	uint32_t status;
	char **argv;
	int fds[3];
	struct ttrpc_call *waits[4];
	size_t n_waits;
};

struct fake {
	struct loop *loop;
	struct ttrpc_server *server;
	int link_fd, control_fd, log_fd;
	const char *cmdline;
	struct fake_process processes[PROCESSES_MAX];
};

static bool told_to(const struct fake *fake, const char *word)
{
	return strstr(fake->cmdline, word) != NULL;
}

static struct fake_process *find(struct fake *fake, const char *id, const char *exec_id)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct fake_process *p = &fake->processes[i];

		if (p->used && strcmp(p->id, id) == 0 && strcmp(p->exec_id, exec_id) == 0)
			return p;
	}
	return NULL;
}

static struct fake_process *add(struct fake *fake, const char *id, const char *exec_id)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct fake_process *p = &fake->processes[i];

		if (p->used)
			continue;
		*p = (struct fake_process){ .fake = fake, .used = true, .fds = { -1, -1, -1 } };
		(void)snprintf(p->id, sizeof(p->id), "%s", id);
		(void)snprintf(p->exec_id, sizeof(p->exec_id), "%s", exec_id);
		return p;
	}
	abort();
}

/* Connects to a port of the host, as the guest's kernel would. */
static int dial(const struct fake *fake, uint32_t port)
{
	struct vsock_link_message message = { .port = port };
	struct pollfd room = { .fd = fake->link_fd, .events = POLLOUT };
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	while ((r = fd_send(fake->link_fd, &message, sizeof(message), &pair[1], 1)) == -EAGAIN)
		(void)poll(&room, 1, -1);
	if (r == -EPIPE || r == -ECONNRESET)
		exit(0); /* The shim has hung up, as it does at the end. */
	if (r < 0)
		abort();
	close(pair[1]);
	return pair[0];
}

static void dial_stdio(struct fake_process *p, const KataLike__Agent__V1__Stdio *stdio)
{
	uint32_t ports[3] = { stdio->stdin_port, stdio->stdout_port, stdio->stderr_port };

	for (int i = 0; i < 3; i++) {
		if (ports[i] == 0)
			p->fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		else if (i == 1 && ports[1] == ports[0])
			p->fds[1] = fcntl(p->fds[0], F_DUPFD_CLOEXEC, 0);
		else
			p->fds[i] = dial(p->fake, ports[i]);
	}
}

static void over(struct fake_process *p, uint32_t status)
{
	KataLike__Agent__V1__WaitProcessResponse response =
		KATA_LIKE__AGENT__V1__WAIT_PROCESS_RESPONSE__INIT;

	p->ended = true;
	p->status = status;
	for (int i = 0; i < 3; i++) {
		if (p->fds[i] >= 0)
			close(p->fds[i]);
		p->fds[i] = -1;
	}
	response.exit_status = status;
	/* As if it was for want of memory. */
	response.oom_kills = status == 128 + SIGKILL;
	for (size_t i = 0; i < p->n_waits; i++)
		ttrpc_call_reply(p->waits[i], &response.base);
	p->n_waits = 0;
}

static void child_ended(void *ctx, pid_t pid, int wait_status)
{
	(void)pid;
	over(ctx, WIFSIGNALED(wait_status) ? 128u + (uint32_t)WTERMSIG(wait_status)
					   : (uint32_t)WEXITSTATUS(wait_status));
}

/* Forks and executes; 0 or the errno of execvp(3). */
static int run(struct fake_process *p)
{
	int fds[2], failed = 0;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	p->pid = fork();
	if (p->pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		for (int i = 0; i < 3; i++)
			dup2(p->fds[i], i);
		execvp(p->argv[0], p->argv);
		failed = errno;
		(void)!write(fds[1], &failed, sizeof(failed));
		_exit(127);
	}
	close(fds[1]);
	if (fd_read_full(fds[0], &failed, sizeof(failed)) < 0)
		abort();
	close(fds[0]);
	if (failed) {
		waitpid(p->pid, NULL, 0);
		over(p, 127);
		return failed;
	}
	for (int i = 0; i < 3; i++) {
		close(p->fds[i]);
		p->fds[i] = -1;
	}
	p->started = true;
	if (loop_add_child(p->fake->loop, p->pid, child_ended, p, NULL) < 0)
		abort();
	return 0;
}

static char **copy_args(const struct oci_process *process)
{
	char **argv = calloc(process->args.n + 1, sizeof(*argv));

	for (size_t i = 0; argv && i < process->args.n; i++) {
		argv[i] = strdup(process->args.list[i]);
		if (!argv[i])
			abort();
	}
	if (!argv)
		abort();
	return argv;
}

static void create_sandbox(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	KataLike__Agent__V1__CreateSandboxResponse response =
		KATA_LIKE__AGENT__V1__CREATE_SANDBOX_RESPONSE__INIT;

	(void)ctx;
	(void)request;
	response.kernel_release = (char *)"0.0-fake";
	response.agent_version = (char *)"fake";
	ttrpc_call_reply(call, &response.base);
}

static void answer_empty(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	(void)ctx;
	(void)request;
	ttrpc_call_reply_empty(call);
}

static void create_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__CreateContainerRequest *request = (const void *)message;
	struct err err = ERR_INIT;
	struct oci_spec *spec;
	struct fake_process *p;

	if (oci_spec_parse((const char *)request->config_json.data, request->config_json.len, &spec,
			   &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	p = add(ctx, request->container_id, "");
	p->argv = copy_args(spec->process);
	oci_spec_free(spec);
	dial_stdio(p, request->stdio);
	ttrpc_call_reply_empty(call);
}

static void start_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct fake *fake = ctx;
	struct fake_process *p = find(fake, request->container_id, "");
	int failed;

	if (told_to(fake, "fake.panic")) {
		log_error("the guest panicked: attempted to kill the idle task");
		exit(3);
	}
	if (told_to(fake, "fake.drop")) {
		ttrpc_server_free(fake->server);
		return;
	}
	failed = run(p);
	if (failed)
		ttrpc_call_fail(call, ttrpc_code_from_errno(failed), "exec %s: %s", p->argv[0],
				strerror(failed));
	else
		ttrpc_call_reply_empty(call);
}

static void exec_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ExecProcessRequest *request = (const void *)message;
	struct fake_process *p = add(ctx, request->container_id, request->exec_id);
	struct oci_process_doc *doc;
	struct err err = ERR_INIT;
	int failed;

	if (oci_process_parse((const char *)request->process_json.data, request->process_json.len,
			      &doc, &err) < 0) {
		ttrpc_call_fail_err(call, &err);
		return;
	}
	p->argv = copy_args(&doc->process);
	oci_process_free(doc);
	dial_stdio(p, request->stdio);
	failed = run(p);
	if (failed)
		ttrpc_call_fail(call, ttrpc_code_from_errno(failed), "exec %s: %s", p->argv[0],
				strerror(failed));
	else
		ttrpc_call_reply_empty(call);
}

static void signal_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__SignalProcessRequest *request = (const void *)message;
	struct fake_process *p = find(ctx, request->container_id, request->exec_id);

	if (!p || p->ended) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no such process");
		return;
	}
	if (p->started)
		kill(p->pid, (int)request->signal);
	else
		over(p, 128 + request->signal);
	ttrpc_call_reply_empty(call);
}

static void wait_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ProcessRequest *request = (const void *)message;
	struct fake_process *p = find(ctx, request->container_id, request->exec_id);

	if (!p) {
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "no such process");
		return;
	}
	p->waits[p->n_waits++] = call;
	if (p->ended)
		over(p, p->status);
}

static void delete_container(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ContainerRequest *request = (const void *)message;
	struct fake_process *p = find(ctx, request->container_id, "");

	if (p && p->ended)
		p->used = false;
	ttrpc_call_reply_empty(call);
}

static void delete_process(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const KataLike__Agent__V1__ProcessRequest *request = (const void *)message;
	struct fake_process *p = find(ctx, request->container_id, request->exec_id);

	if (p && p->ended)
		p->used = false;
	ttrpc_call_reply_empty(call);
}

static void stats(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	KataLike__Agent__V1__StatsContainerResponse response =
		KATA_LIKE__AGENT__V1__STATS_CONTAINER_RESPONSE__INIT;

	(void)ctx;
	(void)message;
	response.pids_current = 3;
	response.memory_usage = 4096;
	response.cpu_usage_usec = 77;
	ttrpc_call_reply(call, &response.base);
}

static void next_event(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	/* There is none, ever: the call stays. */
	(void)ctx;
	(void)call;
	(void)message;
}

static void stop(void *ctx, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct fake *fake = ctx;

	(void)message;
	if (told_to(fake, "fake.deaf"))
		return;
	ttrpc_call_reply_empty(call);
	exit(0);
}

#define EMPTY	   &kata_like__empty__descriptor
#define MESSAGE(m) &kata_like__agent__v1__##m##__descriptor

static const struct ttrpc_method agent_methods[] = {
	{ "CreateSandbox", create_sandbox, MESSAGE(create_sandbox_request),
	  MESSAGE(create_sandbox_response) },
	{ "DestroySandbox", answer_empty, EMPTY, EMPTY },
	{ "CreateContainer", create_container, MESSAGE(create_container_request),
	  MESSAGE(create_container_response) },
	{ "StartContainer", start_container, MESSAGE(container_request), EMPTY },
	{ "DeleteContainer", delete_container, MESSAGE(container_request), EMPTY },
	{ "ExecProcess", exec_process, MESSAGE(exec_process_request),
	  MESSAGE(exec_process_response) },
	{ "DeleteProcess", delete_process, MESSAGE(process_request), EMPTY },
	{ "SignalProcess", signal_process, MESSAGE(signal_process_request), EMPTY },
	{ "WaitProcess", wait_process, MESSAGE(process_request), MESSAGE(wait_process_response) },
	{ "ResizeTerminal", answer_empty, MESSAGE(resize_terminal_request), EMPTY },
	{ "PauseContainer", answer_empty, MESSAGE(container_request), EMPTY },
	{ "ResumeContainer", answer_empty, MESSAGE(container_request), EMPTY },
	{ "UpdateContainer", answer_empty, MESSAGE(update_container_request), EMPTY },
	{ "StatsContainer", stats, MESSAGE(container_request), MESSAGE(stats_container_response) },
	{ "NextEvent", next_event, EMPTY, MESSAGE(event) },
	{ "ReleaseShared", answer_empty, MESSAGE(release_shared_request), EMPTY },
};
static const struct ttrpc_service agent_service = { "kata_like.agent.v1.Agent", agent_methods,
						    ARRAY_SIZE(agent_methods) };

/* Containers have this machine's files in any case. */
static const struct ttrpc_method vmm_methods[] = {
	{ "Stop", stop, EMPTY, EMPTY },
	{ "AddDisk", answer_empty, &kata_like__vmm__v1__add_disk_request__descriptor,
	  &kata_like__vmm__v1__add_device_response__descriptor },
	{ "AddFs", answer_empty, &kata_like__vmm__v1__add_fs_request__descriptor,
	  &kata_like__vmm__v1__add_device_response__descriptor },
	{ "RemoveDevice", answer_empty, &kata_like__vmm__v1__remove_device_request__descriptor,
	  EMPTY },
};
static const struct ttrpc_service vmm_service = { "kata_like.vmm.v1.Vmm", vmm_methods,
						  ARRAY_SIZE(vmm_methods) };

/* What the server gets in place of a connection of the shim's. */
static int mangled(const struct fake *fake, int fd, const char *word)
{
	const char *how = strstr(fake->cmdline, word);

	return how ? mangler_new(fake->loop, fd, how + strlen(word)) : fd;
}

static void link_ready(void *ctx, int fd, uint32_t events)
{
	struct fake *fake = ctx;
	struct vsock_link_message message;
	int passed;
	size_t n = 1;
	ssize_t got = fd_recv(fd, &message, sizeof(message), &passed, &n);

	(void)events;
	if (got == 0)
		exit(0);
	if (got < 0 || n != 1)
		return;
	passed = mangled(fake, passed, "fake.agent=");
	if (message.port != VSOCK_PORT_AGENT ||
	    ttrpc_server_add_connection(fake->server, passed, NULL, NULL) < 0)
		abort();
}

static void control_closed(void *ctx)
{
	(void)ctx;
	exit(0);
}

static int descriptor(const char *argument)
{
	return strncmp(argument, "fd:", 3) == 0 ? atoi(argument + 3) : -1;
}

static void parse(struct fake *fake, int argc, char **argv)
{
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--vsock") == 0)
			fake->link_fd = descriptor(argv[i + 1]);
		else if (strcmp(argv[i], "--control") == 0)
			fake->control_fd = descriptor(argv[i + 1]);
		else if (strcmp(argv[i], "--log") == 0)
			fake->log_fd = descriptor(argv[i + 1]);
		else if (strcmp(argv[i], "--cmdline") == 0)
			fake->cmdline = argv[i + 1];
	}
}

int main(int argc, char **argv)
{
	struct fake fake = { .cmdline = "" };
	struct ttrpc_server *control;

	parse(&fake, argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	log_init("kata-like-vmm", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, fake.log_fd);
	if (told_to(&fake, "fake.refuse")) {
		log_error("fd:9 is not a kernel for this machine");
		return 1;
	}
	for (int fd = 3; fd < 64; fd++)
		(void)!fd_set_cloexec(fd, 1);
	if (loop_new(&fake.loop, NULL) < 0 || ttrpc_server_new(fake.loop, &fake.server, NULL) < 0 ||
	    ttrpc_server_new(fake.loop, &control, NULL) < 0 ||
	    ttrpc_server_add_service(fake.server, &agent_service, &fake) < 0 ||
	    ttrpc_server_add_service(control, &vmm_service, &fake) < 0 ||
	    ttrpc_server_add_connection(control, mangled(&fake, fake.control_fd, "fake.control="),
					control_closed, NULL) < 0 ||
	    fd_set_nonblock(fake.link_fd, 1) < 0 ||
	    loop_add_fd(fake.loop, fake.link_fd, EPOLLIN, link_ready, &fake, NULL) < 0)
		return 1;
	if (told_to(&fake, "fake.link"))
		mangle_link(fake.link_fd);
	if (!told_to(&fake, "fake.silent"))
		close(dial(&fake, VSOCK_PORT_READY));
	return loop_run(fake.loop) < 0;
}
