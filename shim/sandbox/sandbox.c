/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod's virtual machine.
 *
 * Whatever goes wrong, the end has one place: vmm_ended(). A boot that takes too long, an agent
 * that refuses, a lost connection put their reason into `end` and kill the VMM; its end then tells
 * everybody.
 */
#include "shim/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "agent.pb-c.h"
#include "lib/fd.h"
#include "lib/log.h"
#include "proto/vsock-link.h"
#include "shim/net/network.h"
#include "shim/pidfile.h"
#include "shim/sandbox/last-words.h"
#include "shim/sandbox/log-tail.h"
#include "shim/sandbox/template.h"
#include "shim/sandbox/vmm-process.h"

#define DESTROY_TIMEOUT_MS 5000
/* When the connection breaks the VMM mostly ends as well, and knows better why. */
#define LOST_GRACE_MS 1000

struct sandbox {
	struct loop *loop;
	const struct state *state;
	bool debug;
	struct sandbox_callbacks callbacks;
	enum sandbox_state step;
	bool writes; /* the guest has something of the host's to write back to */
	struct vsock_link *link;
	struct vmm_process *vmm;
	struct log_tail *console; /* NULL without one */
	struct agent_client *agent;
	struct last_words *words;
	struct network *network;
	struct turns *turns;
	struct loop_source *lost_timer;
	uint32_t next_port;
	pid_t pid;
	char template[PATHS_MAX]; /* the file that it started from; "" when it booted */
	struct err end;		  /* why it ends, if that was known before the VMM's end */
	sandbox_boot_fn *booted;
	void *booted_ctx;
	loop_fn *stopped;
	void *stopped_ctx;
};

int sandbox_new(struct loop *loop, const struct state *state, bool debug,
		const struct sandbox_callbacks *callbacks, struct sandbox **ret_sandbox,
		struct err *err)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (!sandbox)
		return err_set(err, ENOMEM, "cannot make a sandbox");
	*sandbox = (struct sandbox){
		.loop = loop,
		.state = state,
		.debug = debug,
		.callbacks = *callbacks,
		.next_port = VSOCK_PORT_STDIO_FIRST,
	};
	*ret_sandbox = sandbox;
	return 0;
}

void sandbox_take_turns(struct sandbox *sandbox, struct turns *turns)
{
	sandbox->turns = turns;
}

/* What a boot made; after one that failed early there may be another. */
static void free_boot(struct sandbox *sandbox)
{
	agent_client_free(sandbox->agent);
	vmm_process_free(sandbox->vmm);
	network_free(sandbox->network);
	last_words_free(sandbox->words);
	vsock_link_free(sandbox->link);
	log_tail_free(sandbox->console);
	loop_source_free(sandbox->lost_timer);
	sandbox->console = NULL;
	sandbox->words = NULL;
	sandbox->agent = NULL;
	sandbox->vmm = NULL;
	sandbox->network = NULL;
	sandbox->link = NULL;
	sandbox->lost_timer = NULL;
	sandbox->writes = false;
	sandbox->pid = 0;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	network_down(sandbox->network);
	free_boot(sandbox);
	free(sandbox);
}

static void record_failure(const struct sandbox *sandbox, const char *reason)
{
	char path[PATHS_MAX], line[ERR_TEXT_MAX + 1];
	int n = snprintf(line, sizeof(line), "%s\n", reason);

	log_error("%s", reason);
	if (state_file(sandbox->state, "failure", path, NULL) < 0 ||
	    file_write_atomic(path, line, (size_t)MIN(n, ERR_TEXT_MAX), 0600, NULL) < 0)
		log_warn("cannot write the file `failure`");
}

/* The next VM boots, and leaves another one. */
static void drop_template(const struct sandbox *sandbox)
{
	if (unlink(sandbox->template) == 0)
		log_warn("the VM did not come up from its template %s, which is removed",
			 sandbox->template);
}

static void vmm_ended(void *ctx, bool killed, const char *reason)
{
	struct sandbox *sandbox = ctx;
	bool asked = sandbox->step == SANDBOX_STOPPING;
	sandbox_boot_fn *booted = sandbox->booted;
	loop_fn *stopped = sandbox->stopped;
	char path[PATHS_MAX];

	if (sandbox->step == SANDBOX_BOOTING && *sandbox->template)
		drop_template(sandbox);
	sandbox->step = SANDBOX_GONE;
	sandbox->booted = NULL;
	sandbox->stopped = NULL;
	loop_source_free(sandbox->lost_timer);
	sandbox->lost_timer = NULL;
	if (sandbox->console)
		log_tail_flush(sandbox->console);
	if (state_file(sandbox->state, "vmm.pid", path, NULL) == 0)
		(void)unlink(path);
	if (sandbox->end.code != 0)
		killed = false; /* by ourselves, for that reason */
	else if (!asked)
		(void)err_say(&sandbox->end, ECONNRESET, "the VM ended: %s", reason);
	if (!asked && *last_words_text(sandbox->words))
		(void)err_hint(&sandbox->end, "its agent said: %s",
			       last_words_text(sandbox->words));
	if (!asked)
		record_failure(sandbox, sandbox->end.text);
	network_down(sandbox->network);
	agent_client_fail(sandbox->agent, asked ? "the sandbox was stopped" : sandbox->end.text);
	network_free(sandbox->network);
	sandbox->network = NULL;
	sandbox->callbacks.gone(sandbox->callbacks.ctx, killed, asked ? NULL : sandbox->end.text);
	if (asked && booted && sandbox->end.code == 0)
		(void)err_say(&sandbox->end, ECANCELED, "the sandbox was stopped");
	if (booted)
		booted(sandbox->booted_ctx, &sandbox->end);
	if (stopped)
		stopped(sandbox->stopped_ctx);
}

/* Ends the VM for a reason. */
static void fail(struct sandbox *sandbox, const struct err *why)
{
	if (sandbox->step != SANDBOX_STOPPING && sandbox->end.code == 0)
		sandbox->end = *why;
	vmm_process_kill(sandbox->vmm);
}

static void network_ready(void *ctx, const struct err *err)
{
	struct sandbox *sandbox = ctx;
	sandbox_boot_fn *booted = sandbox->booted;

	if (sandbox->step != SANDBOX_BOOTING)
		return;
	if (err->code != 0) {
		fail(sandbox, err);
		return;
	}
	network_take_turns(sandbox->network, sandbox->turns);
	sandbox->step = SANDBOX_READY;
	sandbox->booted = NULL;
	booted(sandbox->booted_ctx, err);
}

static void agent_ready(void *ctx, const struct err *err)
{
	struct sandbox *sandbox = ctx;

	if (sandbox->step != SANDBOX_BOOTING)
		return;
	if (err->code != 0)
		fail(sandbox, err);
	else
		network_up(sandbox->network, sandbox->agent, sandbox->vmm, sandbox->link,
			   network_ready, sandbox);
}

static void lost_for_good(void *ctx)
{
	struct sandbox *sandbox = ctx;
	struct err err = ERR_INIT;

	(void)err_say(&err, ECONNRESET, "the connection to the guest's agent was lost");
	fail(sandbox, &err);
}

static void agent_lost(void *ctx)
{
	struct sandbox *sandbox = ctx;

	if (sandbox->step == SANDBOX_BOOTING || sandbox->step == SANDBOX_READY)
		loop_timer_arm(sandbox->lost_timer, LOST_GRACE_MS);
}

static void agent_oom(void *ctx, const char *container_id, uint64_t kills)
{
	struct sandbox *sandbox = ctx;

	sandbox->callbacks.oom(sandbox->callbacks.ctx, container_id, kills);
}

/* Descriptors that are only needed until the VMM has inherited them. */
struct boot_files {
	int template, kernel, initrd, kvm, console, vsock;
};

static void cleanup_boot_files(struct boot_files *files)
{
	cleanup_fd(&files->template);
	cleanup_fd(&files->kernel);
	cleanup_fd(&files->initrd);
	cleanup_fd(&files->kvm);
	cleanup_fd(&files->console);
	cleanup_fd(&files->vsock);
}

/* Through a pipe: what a guest writes without end must not fill a disk. */
static int open_console(struct sandbox *sandbox, int *ret_fd, struct err *err)
{
	char path[PATHS_MAX];
	int fds[2], r = state_file(sandbox->state, "console.log", path, err);

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "cannot make a pipe for the console");
	*ret_fd = fds[1];
	return log_tail_new(sandbox->loop, fds[0], path, "guest", &sandbox->console, err);
}

static int open_boot_files(struct sandbox *sandbox, const struct guest *guest,
			   struct boot_files *files, struct err *err)
{
	int pair[2];
	int r = 0;

	/* Without one it boots. */
	sandbox->template[0] = '\0';
	if (!sandbox->debug && template_open(guest, &files->template) == 0)
		(void)snprintf(sandbox->template, sizeof(sandbox->template), "%s",
			       guest->template_path);
	if (!*sandbox->template)
		r = guest_open_images(guest, &files->kernel, &files->initrd, err);
	if (r == 0)
		r = guest_open_kvm(&files->kvm, err);
	if (r == 0 && (guest->console || sandbox->debug))
		r = open_console(sandbox, &files->console, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set(err, errno, "cannot make the vsock link");
	files->vsock = pair[1];
	return vsock_link_new(sandbox->loop, pair[0], &sandbox->link, err);
}

static int start_vmm(struct sandbox *sandbox, const struct guest *guest,
		     const struct sandbox_parts *parts, const struct boot_files *files,
		     struct err *err)
{
	char log_path[PATHS_MAX], pid_path[PATHS_MAX],
		cmdline[GUEST_CMDLINE_MAX + sizeof(GUEST_DEBUG_CMDLINE)];
	struct vmm_nic nics[NETWORK_NICS_MAX];
	struct vmm_config config = {
		.template_fd = files->template,
		.kernel_fd = files->kernel,
		.initrd_fd = files->initrd,
		.kvm_fd = files->kvm,
		.console_fd = files->console,
		.vsock_fd = files->vsock,
		.cmdline = cmdline,
		.cpus = guest->cpus,
		.memory_bytes = guest->memory_bytes,
		.disks = parts->disks,
		.n_disks = parts->n_disks,
		.fs_fd = parts->fs_fd,
		.shared_memory = parts->shared_memory,
		.cgroup_fd = parts->cgroup_fd,
		.sandbox_id = sandbox->state->id,
		.cpu_model = guest->cpu_model,
		.first_user = guest->first_user,
		.n_users = guest->n_users,
		.nics = nics,
		.n_nics = network_nics(sandbox->network, nics),
		.log_path = log_path,
		.debug = sandbox->debug,
	};
	int r = state_file(sandbox->state, "vmm.log", log_path, err);

	(void)snprintf(cmdline, sizeof(cmdline), "%s%s", guest->cmdline,
		       sandbox->debug ? GUEST_DEBUG_CMDLINE : "");
	if (r == 0)
		r = state_file(sandbox->state, "vmm.pid", pid_path, err);
	if (r == 0)
		r = vmm_process_new(sandbox->loop, &config, vmm_ended, sandbox, &sandbox->vmm, err);
	if (r < 0)
		return r;
	network_handed_over(sandbox->network);
	sandbox->pid = vmm_process_pid(sandbox->vmm);
	return pidfile_write(pid_path, sandbox->pid, err);
}

static int await_agent(struct sandbox *sandbox, const struct guest *guest, struct err *err)
{
	struct agent_hello hello = {
		.sandbox_id = sandbox->state->id,
		.cpus = guest->cpus,
		.timeout_ms = guest->timeout_ms,
		.serves = *sandbox->template != '\0',
	};
	struct agent_callbacks callbacks = {
		.ready = agent_ready, .lost = agent_lost, .oom = agent_oom, .ctx = sandbox
	};
	int r = loop_add_timer(sandbox->loop, lost_for_good, sandbox, &sandbox->lost_timer);

	if (r < 0)
		return err_set(err, -r, "cannot make a timer");
	r = last_words_new(sandbox->loop, sandbox->link, &sandbox->words, err);
	return r == 0 ? agent_client_new(sandbox->loop, sandbox->link, &hello, &callbacks,
					 &sandbox->agent, err)
		      : r;
}

static void close_parts(const struct sandbox_parts *parts)
{
	for (size_t i = 0; i < parts->n_disks; i++)
		close(parts->disks[i].fd);
	if (parts->fs_fd >= 0)
		close(parts->fs_fd);
}

int sandbox_boot(struct sandbox *sandbox, const struct guest *guest,
		 const struct sandbox_parts *parts, sandbox_boot_fn *done, void *ctx,
		 struct err *err)
{
	_cleanup_(cleanup_boot_files) struct boot_files files = { -1, -1, -1, -1, -1, -1 };
	int r = open_boot_files(sandbox, guest, &files, err);

	sandbox->writes = parts->fs_fd >= 0;
	for (size_t i = 0; i < parts->n_disks; i++)
		sandbox->writes = sandbox->writes || parts->disks[i].writable;
	if (r == 0)
		r = network_new(sandbox->loop, sandbox->state, &guest->network, &sandbox->network,
				err);
	if (r == 0)
		r = await_agent(sandbox, guest, err);
	if (r == 0)
		r = start_vmm(sandbox, guest, parts, &files, err);
	close_parts(parts);
	if (r < 0) {
		free_boot(sandbox);
		return r;
	}
	sandbox->step = SANDBOX_BOOTING;
	sandbox->booted = done;
	sandbox->booted_ctx = ctx;
	return 0;
}

static void agent_destroyed(void *ctx, const struct ttrpc_status *status,
			    const ProtobufCMessage *response)
{
	struct sandbox *sandbox = ctx;

	(void)response;
	if (status->code == TTRPC_CANCELLED)
		return;
	if (status->code != TTRPC_OK)
		log_warn("the guest did not write back its files: %s", status->message);
	vmm_process_stop(sandbox->vmm);
}

void sandbox_stop(struct sandbox *sandbox, loop_fn *done, void *ctx)
{
	KataLike__Empty request = KATA_LIKE__EMPTY__INIT;
	enum sandbox_state before = sandbox->step;

	if (before == SANDBOX_NOTHING || before == SANDBOX_GONE) {
		sandbox->step = SANDBOX_GONE;
		done(ctx);
		return;
	}
	sandbox->stopped = done;
	sandbox->stopped_ctx = ctx;
	sandbox->step = SANDBOX_STOPPING;
	if (before == SANDBOX_READY && sandbox->writes)
		agent_client_call(sandbox->agent, "DestroySandbox", &kata_like__empty__descriptor,
				  &request.base, DESTROY_TIMEOUT_MS, agent_destroyed, sandbox);
	else if (before == SANDBOX_READY)
		vmm_process_stop(sandbox->vmm);
	else if (before == SANDBOX_BOOTING)
		vmm_process_kill(sandbox->vmm);
}

void sandbox_fail(struct sandbox *sandbox, const struct err *why)
{
	if (sandbox->step == SANDBOX_BOOTING || sandbox->step == SANDBOX_READY)
		fail(sandbox, why);
}

void sandbox_settle_network(struct sandbox *sandbox, sandbox_boot_fn *done, void *ctx)
{
	const struct err none = ERR_INIT;

	if (sandbox->step == SANDBOX_READY)
		network_settle(sandbox->network, done, ctx);
	else
		done(ctx, &none);
}

bool sandbox_lacks_template(const struct sandbox *sandbox, const struct guest *guest)
{
	_cleanup_fd_ int fd = -1;

	return !sandbox->debug && template_open(guest, &fd) == -ENOENT;
}

enum sandbox_state sandbox_state(const struct sandbox *sandbox)
{
	return sandbox->step;
}

const char *sandbox_failure(const struct sandbox *sandbox)
{
	return sandbox->end.text;
}

pid_t sandbox_pid(const struct sandbox *sandbox)
{
	return sandbox->pid;
}

void sandbox_note_writes(struct sandbox *sandbox)
{
	sandbox->writes = true;
}

struct vmm_process *sandbox_vmm(struct sandbox *sandbox)
{
	return sandbox->vmm;
}

struct agent_client *sandbox_agent(struct sandbox *sandbox)
{
	return sandbox->agent;
}

struct vsock_link *sandbox_link(struct sandbox *sandbox)
{
	return sandbox->link;
}

uint32_t *sandbox_next_port(struct sandbox *sandbox)
{
	return &sandbox->next_port;
}
